//! One binary, a module per behaviour.
mod generator;
mod python;
