//! The integration tests of `corro`, one binary. Each module tests one behaviour.

mod cancelling;
mod event_loop;
mod futures;
mod generator;
mod layers;
mod net;
mod python;
mod schedulers;
mod scopes;
mod tasks;
mod virtual_time;
