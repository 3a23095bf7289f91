//! The CUDA text of every kernel, run on the CPU thread by thread, against the interpreter: every operation, recurrences,
//! whole models with their gradients. The cases are those of the executing form.

#[path = "../../../runtime/tests/executing/attention.rs"]
mod attention;
mod barriers;
mod common;
mod emulator;
#[path = "../../../runtime/tests/executing/fuzz.rs"]
mod fuzz;
#[path = "../../../runtime/tests/executing/generator.rs"]
mod generator;
#[path = "../golden_plans/mod.rs"]
mod golden_plans;
#[path = "../../../runtime/tests/executing/in_time.rs"]
mod in_time;
mod misuse;
#[path = "../../../runtime/tests/executing/models.rs"]
mod models;
mod mutants;
#[path = "../../../runtime/tests/executing/ops.rs"]
mod ops;
#[path = "../../../runtime/tests/executing/paper_blocks.rs"]
mod paper_blocks;
#[path = "../../../runtime/tests/executing/products.rs"]
mod products;
mod runner;
mod sanitizers;
#[path = "../../../runtime/tests/executing/scans.rs"]
mod scans;
#[path = "../../../runtime/tests/executing/tolerance.rs"]
mod tolerance;
mod wide;
mod zoo;
