//! One binary, a module per behaviour.

mod event_loop;
mod generator;
mod layers;
mod net;
mod python;
mod tasks;
