//! Elementary functions made of luminal's primitive operators.
//!
//! | function | made as | error |
//! | --- | --- | --- |
//! | `exp` | `Exp2(x * log2 e)` | 6e-8 times the larger of 1 and `abs(x)`, relative |
//! | `log` | `Log2(x) * ln 2` | 2e-7 relative |
//! | division | times the reciprocal | 2e-7 relative; a divisor below 3e-39 counts as 0 |
//! | `cos` | `1 - 2 sin(x / 2)^2` | 3e-7 |
//! | `tanh` | `1 - 2 / (1 + exp(2 x))` | 3e-7 |
//! | `erf` | Abramowitz and Stegun 7.1.26 | 1.5e-7 by itself, 1e-6 with rounding |
//! | `softplus` | `max(x, 0)` and the series of the inverse hyperbolic tangent | 3e-7 times `1 + abs(x)`, relative |
//! | `pow` | whole constants multiplied out; else `Exp2(b * Log2(abs(a)))` | 1e-7 times `1 + abs(b log2(a))`, relative; 1 to the power NaN is NaN |
//! | `floor`, `rem` | `Mod`, which is exact | none |

use super::tape::{Buffer, Tape};
use luminal::op;
use std::f32::consts::{LN_2, LOG2_E};

impl Tape {
    pub fn add2(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        self.zip(op::Add, x, y)
    }

    pub fn mul(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        self.zip(op::Mul, x, y)
    }

    pub fn sub(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let minus = self.scale(y, -1.0);
        self.add2(x, &minus)
    }

    pub fn div(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let inverse = self.recip(y);
        self.mul(x, &inverse)
    }

    pub fn less(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        self.zip(op::LessThan, x, y)
    }

    /// The remainder with the sign of the dividend.
    fn modulo(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        self.zip(op::Mod, x, y)
    }

    pub fn recip(&mut self, x: &Buffer) -> Buffer {
        self.unary(op::Recip, x)
    }

    pub fn sqrt(&mut self, x: &Buffer) -> Buffer {
        self.unary(op::Sqrt, x)
    }

    pub fn sin(&mut self, x: &Buffer) -> Buffer {
        self.unary(op::Sin, x)
    }

    pub fn scale(&mut self, x: &Buffer, by: f32) -> Buffer {
        let by = self.constant(by);
        self.mul(x, &by)
    }

    pub fn shift(&mut self, x: &Buffer, by: f32) -> Buffer {
        let by = self.constant(by);
        self.add2(x, &by)
    }

    /// 1 where `x` is below a number.
    fn below(&mut self, x: &Buffer, bound: f32) -> Buffer {
        let bound = self.constant(bound);
        self.less(x, &bound)
    }

    /// 1 where `x` is above a number.
    pub fn above(&mut self, x: &Buffer, bound: f32) -> Buffer {
        let bound = self.constant(bound);
        self.less(&bound, x)
    }

    /// `1 - x`: the opposite of a truth value.
    pub fn opposite(&mut self, x: &Buffer) -> Buffer {
        let minus = self.scale(x, -1.0);
        self.shift(&minus, 1.0)
    }

    /// `1 - 2 x`: -1 for true and 1 for false.
    fn sign_of_truth(&mut self, x: &Buffer) -> Buffer {
        let twice = self.scale(x, -2.0);
        self.shift(&twice, 1.0)
    }

    /// The sign as a factor; 1 at zero.
    fn sign(&mut self, x: &Buffer) -> Buffer {
        let negative = self.below(x, 0.0);
        self.sign_of_truth(&negative)
    }

    pub fn abs(&mut self, x: &Buffer) -> Buffer {
        let sign = self.sign(x);
        self.mul(x, &sign)
    }

    pub fn exp(&mut self, x: &Buffer) -> Buffer {
        let x = self.scale(x, LOG2_E);
        self.unary(op::Exp2, &x)
    }

    pub fn log(&mut self, x: &Buffer) -> Buffer {
        let y = self.unary(op::Log2, x);
        self.scale(&y, LN_2)
    }

    pub fn log2(&mut self, x: &Buffer) -> Buffer {
        self.unary(op::Log2, x)
    }

    /// The half angle is exact and so small errors of large angles do not grow, as they would for a quarter
    /// turn that is added to the angle.
    pub fn cos(&mut self, x: &Buffer) -> Buffer {
        let half = self.scale(x, 0.5);
        let sine = self.sin(&half);
        let square = self.mul(&sine, &sine);
        self.sign_of_truth(&square)
    }

    pub fn sigmoid(&mut self, x: &Buffer) -> Buffer {
        let minus = self.scale(x, -1.0);
        let e = self.exp(&minus);
        let sum = self.shift(&e, 1.0);
        self.recip(&sum)
    }

    pub fn tanh(&mut self, x: &Buffer) -> Buffer {
        let twice = self.scale(x, 2.0);
        let e = self.exp(&twice);
        let sum = self.shift(&e, 1.0);
        let inverse = self.recip(&sum);
        self.sign_of_truth(&inverse)
    }

    pub fn softplus(&mut self, x: &Buffer) -> Buffer {
        let zero = self.constant(0.0);
        let linear = self.max(x, &zero);
        let size = self.abs(x);
        let minus = self.scale(&size, -1.0);
        let e = self.exp(&minus);
        let rest = self.log_of_one_plus(&e);
        self.add2(&linear, &rest)
    }

    /// `log(1 + e)` for `e` between 0 and 1: twice the inverse hyperbolic tangent of `z = e / (2 + e)`, which
    /// is at most a third, so that nine terms of the series are enough. `Log2(1 + e)` would lose small `e`.
    fn log_of_one_plus(&mut self, e: &Buffer) -> Buffer {
        let below = self.shift(e, 2.0);
        let z = self.div(e, &below);
        let square = self.mul(&z, &z);
        let terms: Vec<f32> = (0..9).rev().map(|k| 2.0 / (2 * k + 1) as f32).collect();
        let series = self.polynomial(&square, &terms);
        self.mul(&z, &series)
    }

    /// Horner's rule, the highest power first.
    fn polynomial(&mut self, x: &Buffer, coefficients: &[f32]) -> Buffer {
        let mut sum = self.constant(coefficients[0]);
        for coefficient in &coefficients[1..] {
            let product = self.mul(&sum, x);
            sum = self.shift(&product, *coefficient);
        }
        sum
    }

    pub fn erf(&mut self, x: &Buffer) -> Buffer {
        let sign = self.sign(x);
        let size = self.mul(x, &sign);
        let below = self.scale(&size, 0.327_591_1);
        let below = self.shift(&below, 1.0);
        let t = self.recip(&below);
        // Abramowitz and Stegun, 7.1.26; the last 0 is the factor t that all terms have.
        let terms = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6, 0.0];
        let sum = self.polynomial(&t, &terms);
        let square = self.mul(&size, &size);
        let minus = self.scale(&square, -1.0);
        let bell = self.exp(&minus);
        let rest = self.mul(&sum, &bell);
        let size = self.opposite(&rest);
        self.mul(&size, &sign)
    }

    /// Infinities become NaN.
    pub fn floor(&mut self, x: &Buffer) -> Buffer {
        let one = self.constant(1.0);
        let fraction = self.modulo(x, &one);
        let whole = self.sub(x, &fraction);
        let over = self.below(&fraction, 0.0);
        self.sub(&whole, &over)
    }

    /// The remainder with the sign of the divisor.
    pub fn rem(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let rest = self.modulo(x, y);
        let (low, high) = (self.below(&rest, 0.0), self.above(&rest, 0.0));
        let (negative, positive) = (self.below(y, 0.0), self.above(y, 0.0));
        let (first, second) = (self.mul(&low, &positive), self.mul(&high, &negative));
        let differs = self.add2(&first, &second);
        let correction = self.mul(&differs, y);
        self.add2(&rest, &correction)
    }

    /// `floor(x / y)` without the rounding of a quotient, which could end just below a whole number.
    pub fn floor_of_quotient(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let rest = self.rem(x, y);
        let multiple = self.sub(x, &rest);
        let quotient = self.div(&multiple, y);
        let whole = self.floor(&quotient);
        let fraction = self.sub(&quotient, &whole);
        let up = self.above(&fraction, 0.5);
        self.add2(&whole, &up)
    }

    /// The larger of two; infinities are right, and a NaN loses against a number.
    pub fn max(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let parts = self.stack(x, y);
        self.largest(&parts, 0)
    }

    pub fn min(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let (x, y) = (self.scale(x, -1.0), self.scale(y, -1.0));
        let largest = self.max(&x, &y);
        self.scale(&largest, -1.0)
    }

    /// Two buffers, broadcast to common sizes, along a new first axis.
    fn stack(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let rank = x.dims.len().max(y.dims.len());
        let size = |at: usize| match (x.dims.get(at), y.dims.get(at)) {
            (Some(1) | None, Some(other)) | (Some(other), _) => *other,
            (None, None) => 1,
        };
        let dims: Vec<usize> = (0..rank).map(size).collect();
        let mut row = dims.clone();
        row.insert(0, 1);
        let parts = [x, y].map(|part| self.expand(part, &dims).reshaped(row.clone()));
        self.join(parts.into(), 0)
    }

    /// `x` where the condition is 1 and `y` where it is 0, whatever the other one is: infinite or NaN.
    /// The logarithm of the condition puts the other one below everything. A NaN that is chosen becomes
    /// negative infinity.
    pub fn choose(&mut self, condition: &Buffer, x: &Buffer, y: &Buffer) -> Buffer {
        let opposite = self.opposite(condition);
        let (first, second) = (self.log2(condition), self.log2(&opposite));
        let (x, y) = (self.add2(x, &first), self.add2(y, &second));
        self.max(&x, &y)
    }

    /// As [`choose`](Self::choose) for finite numbers, at a third of the cost.
    pub fn choose_finite(&mut self, condition: &Buffer, x: &Buffer, y: &Buffer) -> Buffer {
        let opposite = self.opposite(condition);
        let (x, y) = (self.mul(x, condition), self.mul(y, &opposite));
        self.add2(&x, &y)
    }

    /// 1 where both are equal, for integers.
    pub fn equal(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let (less, more) = (self.less(x, y), self.less(y, x));
        let differs = self.add2(&less, &more);
        self.opposite(&differs)
    }

    /// 0 where `x` is NaN, else 1 or 2: every other number is below infinity or above its opposite.
    pub fn is_number(&mut self, x: &Buffer) -> Buffer {
        let (low, high) = (self.below(x, f32::INFINITY), self.above(x, f32::NEG_INFINITY));
        self.add2(&low, &high)
    }

    /// `x` to a whole power, multiplied out, so that the sign is right.
    pub fn whole_power(&mut self, x: &Buffer, exponent: i32) -> Buffer {
        let (mut rest, mut square, mut product) = (exponent.unsigned_abs(), x.clone(), None);
        while rest > 0 {
            if rest % 2 == 1 {
                product = Some(match &product {
                    Some(product) => self.mul(product, &square),
                    None => square.clone(),
                });
            }
            rest /= 2;
            if rest > 0 {
                square = self.mul(&square, &square);
            }
        }
        let one = self.constant(1.0);
        let product = product.unwrap_or_else(|| self.expand(&one, &x.dims));
        if exponent < 0 { self.recip(&product) } else { product }
    }

    /// `x` to the power `y`. A negative base has the sign of the exponent's parity, or is NaN where the
    /// exponent is not whole; to the power 0 everything is 1.
    pub fn power(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let size = self.abs(x);
        let log = self.log2(&size);
        let product = self.mul(&log, y);
        let size = self.unary(op::Exp2, &product);

        let negative = self.below(x, 0.0);
        let (one, two) = (self.constant(1.0), self.constant(2.0));
        let parity = self.modulo(y, &two);
        let parity = self.abs(&parity);
        let odd = self.mul(&parity, &negative);
        let sign = self.sign_of_truth(&odd);
        let fraction = self.modulo(y, &one);
        let fraction = self.abs(&fraction);
        let fraction = self.above(&fraction, 0.0);
        let wrong = self.mul(&fraction, &negative);
        let right = self.opposite(&wrong);

        let power = self.mul(&size, &sign);
        let zero = self.constant(0.0);
        let flat = self.equal(y, &zero);
        let power = self.choose(&flat, &one, &power);
        // A choice loses NaN, which comes back as 0 / 0: a base that is none (unless the exponent is 0), an
        // exponent that is none, or a root of a negative number.
        let base = self.is_number(x);
        let base = self.add2(&base, &flat);
        let exponent = self.is_number(y);
        let numbers = self.mul(&base, &exponent);
        let numbers = self.mul(&numbers, &right);
        let inverse = self.recip(&numbers);
        let fault = self.scale(&inverse, 0.0);
        self.add2(&power, &fault)
    }
}
