//! Kernels as text.

mod at_once;
mod c;
mod called;
pub mod cuda;
mod expression;
mod lines;
mod names;
mod operations;
mod pieces;

pub use c::print_c;
pub use cuda::print_cuda;

use crate::ir::math::Arithmetic;
use crate::ir::{Elem, Kernel, Math, Role, math};
use arch_compiler::cost::counted;
use arch_compiler::schedule::{Machine, Setting};
use std::fmt;

/// What kernels are printed for: C for an instruction set, or CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Any machine; vectors of four in the C compiler's own vector types.
    Generic,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL).
    Avx512,
    /// CUDA: a vector is a warp.
    Cuda,
}

impl Target {
    /// What files and counts are made for that must not depend on the machine.
    pub const PINNED: Target = Target::Avx2;

    /// Where forms of recurrences are chosen for it, with so many samples at once.
    #[must_use]
    pub fn setting(self, batch: usize) -> Setting {
        let machine = match self {
            Target::Cuda => Machine::Gpu,
            _ => Machine::Host { lanes: self.lanes() },
        };
        Setting { machine, batch }
    }

    /// How many lanes a vector has.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self {
            Target::Generic => 4,
            Target::Avx2 => 8,
            Target::Avx512 => 16,
            Target::Cuda => 32,
        }
    }

    /// How many vectors the registers hold.
    #[must_use]
    pub fn registers(self) -> usize {
        match self {
            Target::Generic | Target::Avx2 => 16,
            Target::Avx512 | Target::Cuda => 32,
        }
    }

    /// What it offers to the functions of the language.
    #[must_use]
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Target::Generic => Arithmetic::Separate,
            Target::Avx2 | Target::Cuda => Arithmetic::Joined,
            Target::Avx512 => Arithmetic::Table,
        }
    }

    /// The name on the command line, for instruction sets after `c:`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Target::Generic => "generic",
            Target::Avx2 => "avx2",
            Target::Avx512 => "avx512",
            Target::Cuda => "cuda",
        }
    }

    /// The instruction set of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Target::Generic, Target::Avx2, Target::Avx512].into_iter().find(|t| t.name() == name)
    }

    /// What the C compiler must be told for this instruction set.
    #[must_use]
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Target::Generic | Target::Cuda => &[],
            Target::Avx2 => &["-mavx2", "-mfma"],
            Target::Avx512 => {
                &["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"]
            }
        }
    }

    /// The name of the header that all kernels of this target include.
    #[must_use]
    pub fn header_name(self) -> String {
        format!("archc_{}.h", self.name())
    }

    /// The text of that header: vectors of this target, and the functions of the language.
    #[must_use]
    pub fn header(self) -> String {
        if self == Target::Cuda {
            return cuda::prelude();
        }
        let own = match self {
            Target::Generic | Target::Cuda => include_str!("generic.h"),
            Target::Avx2 => include_str!("avx2.h"),
            Target::Avx512 => include_str!("avx512.h"),
        };
        let mut text = String::from("#pragma once\n");
        text += include_str!("scalar.h");
        text += "\n";
        text += own;
        text += include_str!("vector.h");
        for function in ALL_MATH {
            text += &c::print_math(function, &math::define(function, self.arithmetic()));
        }
        text
    }
}

/// All functions; one stands after those that it calls.
const ALL_MATH: [Math; 9] = [
    Math::Exp,
    Math::Log,
    Math::Sin,
    Math::Cos,
    Math::Tanh,
    Math::Erf,
    Math::Sigmoid,
    Math::Softplus,
    Math::Pow,
];

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Cuda => write!(f, "cuda"),
            c => write!(f, "c:{}", c.name()),
        }
    }
}

/// What stands above a kernel: where it comes from, and the buffers that it was made for.
fn heading(kernel: &Kernel) -> Vec<String> {
    let mut lines = kernel.origins.clone();
    for (i, (shape, arg)) in kernel.shapes.iter().zip(&kernel.args).enumerate() {
        let elem = if arg.elem == Elem::F32 { "f32" } else { "i32" };
        let role = match arg.role {
            Role::Read => "read",
            Role::Write => "written",
            Role::Update => "read and written",
        };
        let values = match kernel.values.get(i).map_or(&[][..], Vec::as_slice) {
            [] => String::new(),
            [value] => format!(": {value}"),
            [first, more @ ..] => format!(": {first} and {}", counted(more.len(), "other")),
        };
        lines.push(format!("a{i}: {elem} {shape}, {role}{values}"));
    }
    lines
}

/// The hash of what a kernel computes: its text without its name and origins.
#[must_use]
pub fn content_hash(kernel: &Kernel) -> String {
    let text = print_c(&kernel.bare(), Target::Generic);
    blake3::hash(text.as_bytes()).to_hex()[..32].to_string()
}
