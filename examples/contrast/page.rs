//! A page to fetch, and the URL that names it.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    str::FromStr,
};

use crate::http;

/// A page to fetch. Its address has been looked up, so that every style asks the same machine.
#[derive(Debug)]
pub struct Page {
    /// Its place in the list of pages.
    pub id: usize,
    /// What reports call it; without tabs and line ends.
    pub name: String,
    pub addr: SocketAddr,
    /// The value of the `Host` header.
    pub host: String,
    pub path: String,
}

impl Page {
    pub fn request(&self) -> Vec<u8> {
        http::request(&self.host, &self.path)
    }

    /// The page as a line for the child process that fetches it.
    pub fn to_line(&self) -> String {
        format!("{}\t{}\t{}\t{}\n", self.name, self.addr, self.host, self.path)
    }

    pub fn from_line(id: usize, line: &str) -> Option<Page> {
        let mut fields = line.split('\t').map(str::to_owned);
        let name = fields.next()?;
        let addr = fields.next()?.parse().ok()?;
        Some(Page { id, name, addr, host: fields.next()?, path: fields.next()? })
    }
}

/// An `http://` URL taken apart.
#[derive(Clone, Debug)]
pub struct Url {
    pub text: String,
    host: String,
    port: u16,
    path: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Url, String> {
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!("it contains {bad:?}, which must be percent-encoded"));
        }
        if text.starts_with("https://") {
            return Err("only http:// is supported here; https would need a TLS library".to_owned());
        }
        let rest = text.strip_prefix("http://").ok_or("it does not begin with http://")?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("user names are not supported".to_owned());
        }
        let (host, port) = split_port(authority).ok_or("the port is no number")?;
        if host.is_empty() {
            return Err("the host is missing".to_owned());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Url { text: text.to_owned(), host: host.to_owned(), port, path })
    }
}

impl Url {
    /// Looks the host up.
    pub fn resolve(&self, id: usize) -> Result<Page, String> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let addr = (bare, self.port)
            .to_socket_addrs()
            .map_err(|error| error.to_string())?
            .next()
            .ok_or("the host has no address")?;
        let host = if self.port == 80 { self.host.clone() } else { format!("{}:{}", self.host, self.port) };
        Ok(Page { id, name: self.text.clone(), addr, host, path: self.path.clone() })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(authority: &str) -> Option<(&str, u16)> {
    let after_v6 = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_v6..].rfind(':') {
        None => Some((authority, 80)),
        Some(colon) => {
            let colon = after_v6 + colon;
            Some((&authority[..colon], authority[colon + 1..].parse().ok()?))
        }
    }
}
