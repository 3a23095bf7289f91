//! The runtime against numbers from public reference implementations, in `tests/fixtures`.

mod fixture;
mod moments;
mod optimizer;
mod samplers;
mod schedules;
