//! The integration tests of `corro`, one binary. Each module tests one behaviour.

mod cancelling;
mod compile_fail;
mod event_loop;
mod futures;
mod generator;
mod layers;
mod net;
mod python;
mod runtime;
mod schedulers;
mod scopes;
mod soundness;
mod tasks;
mod virtual_time;
