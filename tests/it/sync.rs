//! Rules C1, C2, C4 and C6, and of T2, T7, T8 and T9 what concerns locks and other things to wait for. Each test's name
//! begins with the rule.

mod locks;
mod meeting;
mod permits;
mod queues;
mod refusals;
