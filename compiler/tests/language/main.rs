//! The language, feature by feature: small programs are compiled, run by the interpreter in f64 and compared
//! with what one computes by hand.

mod axes;
mod blocks;
mod book;
mod calls;
mod configuration;
mod constants;
mod imports;
mod items;
mod randomness;
mod scans;
mod statements;
mod support;
mod templates;
mod types;
mod variants;
mod views;
