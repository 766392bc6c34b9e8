//! http_server
