//! Numbers for a program that nobody gave numbers to: first values of parameters and random inputs, from
//! a seed in words. Tests in files use them. A training run draws its own from counters.

use super::{RunError, Tensor, run};
use crate::graph::{FuncId, InputKind, Module};
use crate::ops::source::{Distribution, Random};
use crate::program::Program;
use std::collections::BTreeMap;

/// The first values of all parameters and buffers of a program, by name. The same seed gives the same
/// numbers; another parameter gets others.
///
/// # Errors
/// If an initial value cannot be computed.
pub fn fresh_parameters(program: &Program, seed: &str) -> Result<BTreeMap<String, Tensor>, RunError> {
    let mut out = BTreeMap::new();
    for p in &program.parameters {
        let inputs = fresh_inputs(&program.module, p.init, seed, 1);
        let results = run(&program.module, p.init, &inputs, 1)?;
        out.extend(results.outputs.into_iter().map(|(_, value)| (p.name.clone(), value)));
    }
    Ok(out)
}

/// Numbers for all random inputs of a function, by name.
#[must_use]
pub fn fresh_inputs(module: &Module, function: FuncId, seed: &str, batch: usize) -> BTreeMap<String, Tensor> {
    let f = module.function(function);
    let random = f.inputs.iter().filter_map(|input| match &input.kind {
        InputKind::Random(r) => {
            let dims = module.dims(&f.value(input.value).shape, batch);
            Some((input.name.clone(), draw(r, seed, dims)))
        }
        _ => None,
    });
    random.collect()
}

/// Normal random numbers from a seed in words.
#[must_use]
pub fn noise(seed: &str, dims: &[usize]) -> Tensor {
    draw(&Random { purpose: "noise".into(), distribution: Distribution::Normal }, seed, dims.to_vec())
}

/// Random numbers as an input wants them.
fn draw(random: &Random, seed: &str, dims: Vec<usize>) -> Tensor {
    let mut source = Source(hashed(&format!("{seed}\n{}", random.purpose)));
    let count = dims.iter().product();
    let data = (0..count).map(|_| match random.distribution {
        Distribution::Uniform => source.uniform(),
        Distribution::Normal => source.normal(),
        Distribution::TruncatedNormal => loop {
            let x = source.normal();
            if x.abs() <= 2.0 {
                break x;
            }
        },
    });
    let data = data.collect();
    Tensor { dims, data }
}

/// The generator SplitMix64 (Steele, Lea and Flood 2014).
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of the two numbers of a Box-Muller pair.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// FNV-1a of a text.
fn hashed(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{Source, draw, hashed};
    use crate::ops::source::{Distribution, Random};

    fn numbers(purpose: &str, distribution: Distribution) -> Vec<f64> {
        draw(&Random { purpose: purpose.into(), distribution }, "seed", vec![1000]).data
    }

    #[test]
    fn a_seed_decides_the_numbers() {
        assert_eq!(Source(hashed("a")).next(), Source(hashed("a")).next());
        let normal = Distribution::Normal;
        assert_eq!(numbers("a", normal), numbers("a", normal));
        assert_ne!(numbers("a", normal), numbers("b", normal));
    }

    #[test]
    fn numbers_are_distributed_as_wanted() {
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let uniform = numbers("u", Distribution::Uniform);
        assert!((mean(&uniform) - 0.5).abs() < 0.03 && uniform.iter().all(|x| (0.0..1.0).contains(x)));
        let normal = numbers("n", Distribution::Normal);
        let squares: Vec<f64> = normal.iter().map(|x| x * x).collect();
        assert!(mean(&normal).abs() < 0.1 && (mean(&squares) - 1.0).abs() < 0.15);
        assert!(numbers("t", Distribution::TruncatedNormal).iter().all(|x| x.abs() <= 2.0));
    }
}
