//! Kernels as text.

mod c;
mod names;
mod operations;

pub use c::print_c;

use crate::ir::{Kernel, Math, math};
use std::fmt;

/// An instruction set that C is printed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Any machine; vectors of four in the C compiler's own vector types.
    Generic,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL).
    Avx512,
}

impl Target {
    /// What files and counts are made for that must not depend on the machine.
    pub const PINNED: Target = Target::Avx2;

    /// How many lanes a vector has.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self {
            Target::Generic => 4,
            Target::Avx2 => 8,
            Target::Avx512 => 16,
        }
    }

    /// The name after `c:` on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Target::Generic => "generic",
            Target::Avx2 => "avx2",
            Target::Avx512 => "avx512",
        }
    }

    /// The target of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Target::Generic, Target::Avx2, Target::Avx512].into_iter().find(|t| t.name() == name)
    }

    /// What the C compiler must be told for this instruction set.
    #[must_use]
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Target::Generic => &[],
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
        let own = match self {
            Target::Generic => include_str!("generic.h"),
            Target::Avx2 => include_str!("avx2.h"),
            Target::Avx512 => include_str!("avx512.h"),
        };
        let mut text = String::from("#pragma once\n");
        text += include_str!("scalar.h");
        text += "\n";
        text += own;
        text += include_str!("vector.h");
        for function in ALL_MATH {
            text += &c::print_math(function, &math::define(function));
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
        write!(f, "c:{}", self.name())
    }
}

/// The hash of what a kernel computes: its text without its name and origins.
#[must_use]
pub fn content_hash(kernel: &Kernel) -> String {
    let bare = Kernel { name: "kernel".into(), origins: Vec::new(), ..kernel.clone() };
    let text = print_c(&bare, Target::Generic);
    blake3::hash(text.as_bytes()).to_hex()[..32].to_string()
}
