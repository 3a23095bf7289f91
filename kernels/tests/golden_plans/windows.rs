//! Convolutions of each channel by itself, which see no position that comes later.

use super::{BATCH, add, float, plan};
use arch_compiler::graph::Module;
use arch_compiler::ops::{Op, View, Windows};
use arch_kernels::Target;
use arch_kernels::plan::Plan;

pub fn window(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 9), b.module.add_axis("D", 24));
        let (w, k) = (b.module.add_axis("W", 9), b.module.add_axis("K", 4));
        let (x, weight) = (float(b, "x", &[BATCH, t, d]), float(b, "weight", &[d, k]));
        let view = View::Window(Windows { axis: t, to: w, offset: k, stride: 1, dilation: 1, left: 3 });
        let windows = add(b, Op::View(view), &[x]);
        add(b, Op::Contract(vec![k]), &[windows, weight])
    })
}

/// The gradient of the weights of such a convolution.
pub fn window_gradient(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 9), b.module.add_axis("D", 24));
        let (w, k) = (b.module.add_axis("W", 9), b.module.add_axis("K", 4));
        let (x, g) = (float(b, "x", &[BATCH, t, d]), float(b, "g", &[BATCH, w, d]));
        let view = View::Window(Windows { axis: t, to: w, offset: k, stride: 1, dilation: 1, left: 3 });
        let windows = add(b, Op::View(view), &[x]);
        add(b, Op::Contract(vec![BATCH, w]), &[g, windows])
    })
}
