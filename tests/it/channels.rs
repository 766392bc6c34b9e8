//! Rules C1 to C4, and of T2, T7, T8 and S9 what concerns channels. Each test's name begins with the rule.

mod ends;
mod handing;
mod kinds;
mod threads;
