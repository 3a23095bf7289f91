//! The functions of the language in terms of a few operations that every machine has, so that results do
//! not depend on a mathematical library and every function runs on vectors.
//!
//! Largest errors in units in the last place, over all floats where nothing else is said; the tests sweep
//! them against f64: see [`bound`].

use super::{Binary, Body, Expr, Math, Operand, Stmt, Type, Unary};

/// The definition of a function: its parameters are the scalars `0..parameters`.
#[derive(Clone, Debug)]
pub struct Definition {
    /// How many parameters.
    pub parameters: usize,
    /// The lets.
    pub body: Vec<Stmt>,
    /// The types of all scalars, the parameters first.
    pub scalars: Vec<Type>,
    /// What it gives.
    pub result: Operand,
}

/// Largest error in units in the last place of the result, and the range of arguments it is stated for.
/// Sine and cosine count units of the largest value, 1, near their zeros.
#[must_use]
pub fn bound(function: Math) -> (f64, std::ops::RangeInclusive<f32>) {
    let all = f32::MIN..=f32::MAX;
    match function {
        Math::Exp => (5.0, all),
        Math::Log => (1.5, all),
        Math::Sin | Math::Cos => (2.5, -8.0e3..=8.0e3),
        Math::Tanh => (3.0, all),
        Math::Erf => (4.0, all),
        Math::Sigmoid => (6.0, -87.0..=f32::MAX),
        Math::Softplus => (6.0, all),
        Math::Pow => (16.0, 1.0e-4..=1.0e4),
    }
}

/// The functions that this one's definition calls.
#[must_use]
pub fn calls(function: Math) -> &'static [Math] {
    match function {
        Math::Sigmoid | Math::Tanh | Math::Erf => &[Math::Exp],
        Math::Softplus | Math::Pow => &[Math::Exp, Math::Log],
        _ => &[],
    }
}

/// What a machine offers to the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Products are rounded before something is added to them.
    Separate,
    /// Multiplies and adds in one operation, rounded once.
    Joined,
    /// The same, and every lane looks up one of sixteen numbers at no more cost than a multiplication.
    Table,
}

/// How a function is made.
#[must_use]
pub fn define(function: Math, arithmetic: Arithmetic) -> Definition {
    let parameters = if function == Math::Pow { 2 } else { 1 };
    let mut m = Maker { body: Body::new(), arithmetic };
    let inputs: Vec<Operand> = (0..parameters).map(|i| m.parameter(i)).collect();
    let x = inputs[0];
    let result = match function {
        Math::Exp => m.exp(x),
        Math::Log => m.log(x),
        Math::Sin => m.sine(x, 0),
        Math::Cos => m.sine(x, 1),
        Math::Tanh => m.tanh(x),
        Math::Erf => m.erf(x),
        Math::Sigmoid => m.sigmoid(x),
        Math::Softplus => m.softplus(x),
        Math::Pow => m.pow(x, inputs[1]),
    };
    let (_, scalars, _, stmts) = m.body.finish();
    let body = stmts.into_iter().skip(parameters).collect();
    Definition { parameters, body, scalars, result }
}

struct Maker {
    body: Body,
    arithmetic: Arithmetic,
}

impl Maker {
    /// A scalar that stands for a parameter; its let is dropped from the definition.
    fn parameter(&mut self, at: usize) -> Operand {
        let place = self.body.bind_here(Expr::Unary(Unary::FromBits, Operand::Int(at as i32)));
        debug_assert_eq!(self.body.ty(place), Type::F32);
        place
    }

    fn op(&mut self, op: Binary, a: Operand, b: Operand) -> Operand {
        self.body.binary(op, a, b)
    }

    fn add(&mut self, a: Operand, b: Operand) -> Operand {
        self.op(Binary::Add, a, b)
    }

    fn mul(&mut self, a: Operand, b: Operand) -> Operand {
        self.op(Binary::Mul, a, b)
    }

    fn un(&mut self, op: Unary, a: Operand) -> Operand {
        self.body.unary(op, a)
    }

    fn select(&mut self, m: Operand, a: Operand, b: Operand) -> Operand {
        self.body.bind(Expr::Select(m, a, b))
    }

    /// `a * b + c`, which the compiler contracts where the machine can.
    fn fma(&mut self, a: Operand, b: Operand, c: Operand) -> Operand {
        let product = self.mul(a, b);
        self.add(product, c)
    }

    /// A polynomial, highest power first.
    fn poly(&mut self, x: Operand, coefficients: &[f32]) -> Operand {
        let mut sum = Operand::float(coefficients[0]);
        for c in &coefficients[1..] {
            sum = self.fma(sum, x, Operand::float(*c));
        }
        sum
    }

    /// The argument is moved to `r + n ln 2` with `|r| <= ln 2 / 2`; the polynomial is `e^r`; the scale is exact down to
    /// the smallest numbers. The clamp keeps infinities away from the subtraction. Where `n ln 2` is not rounded before it
    /// is taken off, the float next to `ln 2` is so near (a relative error of 2.8e-9) that its rest is left out: only
    /// arguments beyond 16 notice, by three units at most, and a selective scan mostly takes exponentials. Else `ln 2`
    /// comes in two parts, the first with so few digits that its multiples are exact.
    fn exp(&mut self, x: Operand) -> Operand {
        // Where one of two operands is no number, the second is taken: NaN comes through.
        let low = self.op(Binary::Max, Operand::float(-110.0), x);
        let clamped = self.op(Binary::Min, Operand::float(90.0), low);
        if self.arithmetic == Arithmetic::Table {
            return self.exp_by_table(clamped);
        }
        let scaled = self.mul(clamped, Operand::float(std::f32::consts::LOG2_E));
        let n = self.un(Unary::Rint, scaled);
        let r = if self.arithmetic == Arithmetic::Joined {
            self.fma(n, Operand::float(-std::f32::consts::LN_2), clamped)
        } else {
            let r = self.fma(n, Operand::float(-0.693_359_4), clamped);
            self.fma(n, Operand::float(2.121_944_4e-4), r)
        };
        // The smallest relative error of this degree: 3.1e-9, a twentieth of a unit.
        let p =
            self.poly(r, &[1.381_454e-3, 8.368_745e-3, 4.166_839e-2, 0.166_665_21, 0.499_999_94, 1.0, 1.0]);
        self.op(Binary::Scale, p, n)
    }

    /// Instead of whole multiples of `ln 2`, sixteenths are taken off, so that a polynomial of degree three is enough for
    /// `e^r - 1`: it is off by 2.3e-9 of `e^r`. Added to a number with as many digits before its point as leave four behind it,
    /// the argument is rounded to sixteenths, and the last bits of the sum are their number. These are eleven operations
    /// instead of twelve, of which six multiply instead of eight.
    fn exp_by_table(&mut self, x: Operand) -> Operand {
        let digits = 786_432.0;
        let sum = self.fma(x, Operand::float(std::f32::consts::LOG2_E), Operand::float(digits));
        let n = self.add(sum, Operand::float(-digits));
        let r = self.fma(n, Operand::float(-std::f32::consts::LN_2), x);
        let p = self.poly(r, &[0.166_666_67, 0.500_014_66, 1.0]);
        let bits = self.un(Unary::Bits, sum);
        let sixteenth = self.un(Unary::Sixteenth, bits);
        let p = self.mul(p, r);
        let value = self.fma(p, sixteenth, sixteenth);
        self.op(Binary::Scale, value, n)
    }

    /// The argument is `m 2^e` with `m` near 1; small numbers are scaled up first.
    fn log(&mut self, x: Operand) -> Operand {
        let tiny = self.op(Binary::Lt, x, Operand::float(1.175_494_4e-38));
        let up = self.mul(x, Operand::float(8_388_608.0));
        let scaled = self.select(tiny, up, x);
        let bits = self.un(Unary::Bits, scaled);
        let above = self.op(Binary::Sub, bits, Operand::Int(0x3f35_04f3));
        let exponent = self.op(Binary::Shr, above, Operand::Int(23));
        let shifted = self.op(Binary::Shl, exponent, Operand::Int(23));
        let mantissa = self.op(Binary::Sub, bits, shifted);
        let m = self.un(Unary::FromBits, mantissa);
        let f = self.add(m, Operand::float(-1.0));
        let e = self.un(Unary::ToFloat, exponent);
        let less = self.add(e, Operand::float(-23.0));
        let e = self.select(tiny, less, e);
        let value = self.log_of(f, e);
        let zero = self.op(Binary::Eq, x, Operand::float(0.0));
        let value = self.select(zero, Operand::float(f32::NEG_INFINITY), value);
        let negative = self.op(Binary::Lt, x, Operand::float(0.0));
        let value = self.select(negative, Operand::float(f32::NAN), value);
        let finite = self.op(Binary::Lt, x, Operand::float(f32::INFINITY));
        self.select(finite, value, x)
    }

    /// `log(1 + f) + e ln 2` for `f` in `sqrt(1/2)-1 .. sqrt(2)-1`.
    fn log_of(&mut self, f: Operand, e: Operand) -> Operand {
        let p = self.poly(
            f,
            &[
                6.971_612e-2,
                -0.114_797_34,
                0.116_854_2,
                -0.124_256_87,
                0.142_490_58,
                -0.166_678_02,
                0.200_007_16,
                -0.249_999_97,
                0.333_333_3,
            ],
        );
        let square = self.mul(f, f);
        let cube = self.mul(square, f);
        let y = self.mul(p, cube);
        let y = self.fma(e, Operand::float(-2.121_944_4e-4), y);
        let y = self.fma(square, Operand::float(-0.5), y);
        let y = self.add(f, y);
        self.fma(e, Operand::float(0.693_359_4), y)
    }

    /// Sine of `x + quarter * pi / 2`, by the nearest multiple of `pi / 2`, which is taken off in four
    /// parts.
    fn sine(&mut self, x: Operand, quarter: i32) -> Operand {
        let near = self.op(Binary::Max, x, Operand::float(-1.0e6));
        let near = self.op(Binary::Min, near, Operand::float(1.0e6));
        let turns = self.mul(near, Operand::float(std::f32::consts::FRAC_2_PI));
        let n = self.un(Unary::Rint, turns);
        let mut r = near;
        for part in [1.570_312_5, 4.837_513e-4, 7.549_79e-8, 5.126_880_4e-12] {
            r = self.fma(n, Operand::float(-part), r);
        }
        let count = self.un(Unary::ToInt, n);
        let count = self.op(Binary::Add, count, Operand::Int(quarter));
        let z = self.mul(r, r);
        let s = self.poly(z, &[2.724_992_6e-6, -1.984_007e-4, 8.333_332e-3, -0.166_666_67]);
        let rz = self.mul(r, z);
        let sine = self.fma(s, rz, r);
        let c = self.poly(z, &[-2.730_096e-7, 2.480_06e-5, -1.388_888_8e-3, 4.166_666_8e-2]);
        let zz = self.mul(z, z);
        let half = self.fma(z, Operand::float(-0.5), Operand::float(1.0));
        let cosine = self.fma(c, zz, half);
        let odd = self.op(Binary::And, count, Operand::Int(1));
        let even = self.op(Binary::Eq, odd, Operand::Int(0));
        let value = self.select(even, sine, cosine);
        let sign = self.op(Binary::Shl, count, Operand::Int(30));
        let sign = self.op(Binary::And, sign, Operand::Int(i32::MIN));
        let bits = self.un(Unary::Bits, value);
        let signed = self.op(Binary::Xor, bits, sign);
        let value = self.un(Unary::FromBits, signed);
        let size = self.un(Unary::Abs, x);
        let finite = self.op(Binary::Lt, size, Operand::float(f32::INFINITY));
        self.select(finite, value, Operand::float(f32::NAN))
    }

    /// `1 - 2 / (e^2x + 1)`, and an odd polynomial near zero.
    fn tanh(&mut self, x: Operand) -> Operand {
        let size = self.un(Unary::Abs, x);
        let double = self.add(size, size);
        let e = self.body.math(Math::Exp, vec![double]);
        let below = self.add(e, Operand::float(1.0));
        let part = self.op(Binary::Div, Operand::float(2.0), below);
        let far = self.op(Binary::Sub, Operand::float(1.0), part);
        let z = self.mul(x, x);
        let p = self.poly(
            z,
            &[2.292_557_7e-3, -8.343_78e-3, 2.176_886_8e-2, -5.395_925_3e-2, 0.133_333_04, -0.333_333_34],
        );
        let pz = self.mul(p, z);
        let near = self.fma(pz, size, size);
        let small = self.op(Binary::Lt, size, Operand::float(0.625));
        let value = self.select(small, near, far);
        self.with_sign(value, x)
    }

    fn with_sign(&mut self, size: Operand, of: Operand) -> Operand {
        let bits = self.un(Unary::Bits, of);
        let sign = self.op(Binary::And, bits, Operand::Int(i32::MIN));
        let value = self.un(Unary::Bits, size);
        let both = self.op(Binary::Or, value, sign);
        self.un(Unary::FromBits, both)
    }

    /// A polynomial below 0.921875, beyond it `1 - e^p(x)`.
    fn erf(&mut self, x: Operand) -> Operand {
        let size = self.un(Unary::Abs, x);
        let z = self.mul(x, x);
        let p = self.poly(
            z,
            &[
                8.386_722e-5,
                -8.146_998_5e-4,
                5.201_449e-3,
                -2.685_958_5e-2,
                0.112_836_99,
                -0.376_126_34,
                0.128_379_17,
            ],
        );
        let near = self.fma(p, size, size);
        let capped = self.op(Binary::Min, size, Operand::float(4.0));
        let q = self.poly(
            capped,
            &[
                -2.774_853e-7,
                4.499_955e-6,
                -1.279_368_2e-5,
                -2.762_448_3e-4,
                3.668_697e-3,
                -2.402_030_3e-2,
                0.106_669_02,
                0.634_838_6,
                0.128_734_24,
            ],
        );
        let exponent = self.fma(q, capped, capped);
        let negative = self.un(Unary::Neg, exponent);
        let e = self.body.math(Math::Exp, vec![negative]);
        let far = self.op(Binary::Sub, Operand::float(1.0), e);
        let small = self.op(Binary::Lt, size, Operand::float(0.921_875));
        let value = self.select(small, near, far);
        let value = self.with_sign(value, x);
        let number = self.op(Binary::Eq, x, x);
        self.select(number, value, x)
    }

    fn sigmoid(&mut self, x: Operand) -> Operand {
        let negative = self.un(Unary::Neg, x);
        let e = self.body.math(Math::Exp, vec![negative]);
        let below = self.add(e, Operand::float(1.0));
        self.op(Binary::Div, Operand::float(1.0), below)
    }

    /// `max(x, 0) + log(1 + e^-|x|)`; the logarithm is corrected for what adding 1 rounded off.
    fn softplus(&mut self, x: Operand) -> Operand {
        let size = self.un(Unary::Abs, x);
        let negative = self.un(Unary::Neg, size);
        let e = self.body.math(Math::Exp, vec![negative]);
        let one = self.add(e, Operand::float(1.0));
        let log = self.body.math(Math::Log, vec![one]);
        let kept = self.add(one, Operand::float(-1.0));
        let lost = self.op(Binary::Sub, e, kept);
        let rest = self.op(Binary::Div, lost, one);
        let log = self.add(log, rest);
        let positive = self.op(Binary::Max, x, Operand::float(0.0));
        let value = self.add(positive, log);
        let number = self.op(Binary::Eq, x, x);
        self.select(number, value, x)
    }

    /// `e^(y log x)`; for negative `x` right where `y` is whole.
    fn pow(&mut self, x: Operand, y: Operand) -> Operand {
        let size = self.un(Unary::Abs, x);
        let log = self.body.math(Math::Log, vec![size]);
        let exponent = self.mul(log, y);
        let value = self.body.math(Math::Exp, vec![exponent]);
        let half = self.mul(y, Operand::float(0.5));
        let floor = self.un(Unary::Floor, half);
        let even = self.op(Binary::Eq, floor, half);
        let minus = self.un(Unary::Neg, value);
        let signed = self.select(even, value, minus);
        let whole = self.un(Unary::Floor, y);
        let is_whole = self.op(Binary::Eq, whole, y);
        let signed = self.select(is_whole, signed, Operand::float(f32::NAN));
        let negative = self.op(Binary::Lt, x, Operand::float(0.0));
        let value = self.select(negative, signed, value);
        let none = self.op(Binary::Eq, y, Operand::float(0.0));
        self.select(none, Operand::float(1.0), value)
    }
}
