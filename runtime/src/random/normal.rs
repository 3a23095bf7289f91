//! Normal numbers from uniform words. Computed in f64 and rounded once, so that the last bit of a
//! platform's `ln` or `cos` does not show.

use std::f64::consts::TAU;

/// In `(0, 1)`: never 0 nor 1, where logarithm and quantile have their poles.
fn open_unit(word: u32) -> f64 {
    (f64::from(word) + 0.5) / 4_294_967_296.0
}

/// Four normal numbers (Box and Muller 1958).
pub(super) fn box_muller(words: [u32; 4]) -> [f32; 4] {
    let pair = |a: u32, b: u32| {
        let radius = (-2.0 * open_unit(a).ln()).sqrt();
        let (sin, cos) = (TAU * open_unit(b)).sin_cos();
        ((radius * cos) as f32, (radius * sin) as f32)
    };
    let (first, second) = pair(words[0], words[1]);
    let (third, fourth) = pair(words[2], words[3]);
    [first, second, third, fourth]
}

/// The share of a normal distribution below minus two deviations.
const BELOW_MINUS_TWO: f64 = 0.022_750_131_948_179_21;

/// A normal number cut off at two deviations, by inversion: one word for one number, no rejection.
pub(super) fn truncated(word: u32) -> f32 {
    let share = BELOW_MINUS_TWO + open_unit(word) * (1.0 - 2.0 * BELOW_MINUS_TWO);
    normal_quantile(share).clamp(-2.0, 2.0) as f32
}

/// The number below which a normal number lies with probability `share`, for `share` in `(0, 1)`;
/// relative error below 1.2e-9 (P. J. Acklam's rational approximation).
#[must_use]
pub fn normal_quantile(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.024_25;
    let polynomial = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |share: f64| {
        let q = (-2.0 * share.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if share < TAIL {
        tail(share)
    } else if share > 1.0 - TAIL {
        -tail(1.0 - share)
    } else {
        let q = share - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share below `x`, by Simpson's rule over the density.
    fn share_below(x: f64) -> f64 {
        let n = 20_000;
        let h = x / f64::from(n);
        let density = |u: f64| (-0.5 * u * u).exp() / TAU.sqrt();
        let weight = |i: i32| {
            if i == 0 || i == n {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            }
        };
        0.5 + (0..=n).map(|i| weight(i) * density(f64::from(i) * h)).sum::<f64>() * h / 3.0
    }

    #[test]
    fn the_quantile_inverts_the_distribution() {
        for share in [1e-4, 0.01, 0.0228, 0.0243, 0.2, 0.5, 0.7, 0.976, 0.99, 0.9999] {
            let error = share_below(normal_quantile(share)) - share;
            assert!(error.abs() < 1e-9, "{share}: {error}");
        }
        assert!((share_below(-2.0) - BELOW_MINUS_TWO).abs() < 1e-12);
    }
}
