//! `select!` and `Select`: rules C3 and C5, and of C1, C2, T2, T7, T8 what concerns them. Each test's name begins with the
//! rule.

mod arms;
mod chosen;
mod lists;
mod refused;
