//! The runtime against numbers from public reference implementations, in `tests/fixtures`.

mod fixture;
mod moments;
mod samplers;
mod schedules;
