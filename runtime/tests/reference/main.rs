//! The runtime against numbers from public reference implementations, in `tests/fixtures`.

mod fixture;
mod losses;
mod moments;
mod optimizer;
mod programs;
mod samplers;
mod schedules;
mod whole_sampling;
mod whole_training;
