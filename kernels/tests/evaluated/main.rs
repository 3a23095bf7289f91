//! Kernels run as they stand, which is what is left where a compiler does not take one, against the f64 interpreter:
//! every operation, products and what follows them, recurrences, attention, random functions. The cases are those of the
//! executing form.

#[path = "../../../runtime/tests/executing/attention.rs"]
mod attention;
mod chaos;
mod common;
#[path = "../../../runtime/tests/executing/fuzz.rs"]
mod fuzz;
#[path = "../../../runtime/tests/executing/generator.rs"]
mod generator;
#[path = "../../../runtime/tests/executing/in_time.rs"]
mod in_time;
#[path = "../../../runtime/tests/executing/ops.rs"]
mod ops;
#[path = "../../../runtime/tests/executing/products.rs"]
mod products;
#[path = "../../../runtime/tests/programs/program.rs"]
mod program;
#[path = "../../../runtime/tests/executing/scans.rs"]
mod scans;
#[path = "../../../runtime/tests/executing/tolerance.rs"]
mod tolerance;
