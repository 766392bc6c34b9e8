//! The integration tests of `corro`, one binary. Each module tests one behaviour.

mod cancelling;
mod channels;
mod compile_fail;
mod event_loop;
mod files;
mod futures;
mod generator;
mod join_sets;
mod layers;
mod models;
mod moving;
mod net;
mod processes;
mod python;
mod runtime;
mod schedulers;
mod scopes;
mod selecting;
mod signals;
mod soundness;
mod stress;
mod support;
mod sync;
mod task_locals;
mod tasks;
mod virtual_time;
