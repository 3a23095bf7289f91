//! Initialisers: what a parameter holds before the first step.

use super::Session;
use super::arguments::Given;
use super::block::{Parameter, TemplateId};
use super::scope::{Env, InitTarget};
use super::value::{Callee, Entry, Initialiser, Tensor, Val};
use crate::graph::{AxisId, DType, FuncId, Function, InputKind, Node, ValueId};
use crate::interp;
use crate::ops::source::{Distribution, Random};
use crate::ops::{Map, Op, View};
use arch_grammar::ast::BinaryOp;
use arch_grammar::{Diagnostic, Span};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most elements of a table that is computed while a program is checked.
const MOST_CONSTANTS: usize = 1 << 22;

impl Session<'_> {
    /// The function that makes the first value of a parameter. `name` is its name in the checkpoint.
    pub(super) fn init_function(
        &mut self,
        template: TemplateId,
        p: &Parameter,
        name: &str,
    ) -> Option<FuncId> {
        let scope = self.templates[template.0].scope.clone();
        let mut env = Env::new(scope);
        env.used = self.templates[template.0].used.clone();
        env.init = Some(InitTarget { name: name.into(), shape: p.shape.clone(), outputs: p.outputs });
        let sites = self.templates[template.0].sites.clone();
        let sites = std::mem::replace(&mut self.sites, sites);
        let value = self.init_value(&mut env, p, name);
        self.sites = sites;
        value
    }

    fn init_value(&mut self, env: &mut Env, p: &Parameter, name: &str) -> Option<FuncId> {
        self.open(name);
        let value = match &p.init {
            Some(expr) => self.eval(env, expr),
            None => {
                let span = p.declared;
                let d = Diagnostic::error("A0202", format!("`{}` has no initial value", p.name), span);
                self.report(d.help("give it one: `= zeros`, `= normal(0.02)`, `= xavier_uniform`, …"));
                Val::Error
            }
        };
        let value = self.initial_value(env, value, p.declared);
        let result = value.and_then(|t| self.filled(&t, p));
        let mut function = self.close();
        function.outputs.push(("value".into(), result?));
        Some(self.module.add_function(function))
    }

    /// An initialiser that was passed on, or one named without arguments, as a tensor.
    fn initial_value(&mut self, env: &mut Env, value: Val, span: Span) -> Option<Tensor> {
        let value = match value {
            Val::Init(init) => self.eval_initialiser(env, &init),
            v => v,
        };
        let value = match value {
            Val::Callee(Callee::Builtin(name)) => self.call_builtin(env, name, &[], span),
            v => v,
        };
        self.tensor(&value, span)
    }

    fn eval_initialiser(&mut self, env: &mut Env, init: &Initialiser) -> Val {
        let mut inner = Env::new(init.scope.clone());
        inner.init.clone_from(&env.init);
        let value = self.eval(&mut inner, &init.expr);
        match value {
            Val::Init(again) => self.eval_initialiser(env, &again),
            v => v,
        }
    }

    /// The value with all axes of the parameter, in its order.
    fn filled(&mut self, t: &Tensor, p: &Parameter) -> Option<crate::graph::ValueId> {
        let span = p.declared;
        for (a, entry) in &t.axes {
            if !p.shape.contains(a) {
                let name = self.axis_name(*a);
                let d = Diagnostic::error(
                    "A0302",
                    format!("the initial value of `{}` has axis `{name}`", p.name),
                    span,
                )
                .also(entry.span, format!("`{name}` came in here: {}", entry.how));
                self.report(d);
                return None;
            }
        }
        let t = self.float(t, span);
        let mut inputs = vec![t.value];
        for a in &p.shape {
            if !t.has(*a) {
                inputs.push(self.add_at(0, Op::Iota(*a), &[], span)[0]);
            }
        }
        let mut v = t.value;
        if inputs.len() > 1 {
            v = self.add_at(0, Op::Map(Map::Broadcast), &inputs, span)[0];
        }
        if self.context().levels[0].function.value(v).shape != p.shape {
            v = self.add_at(0, Op::View(View::Transpose(p.shape.clone())), &[v], span)[0];
        }
        Some(v)
    }

    pub(super) fn call_initialiser(
        &mut self,
        env: &mut Env,
        name: &str,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Val> {
        if env.init.is_none() && self.test.is_some() {
            let mut axes = Vec::new();
            for g in self.arguments(name, given, (0, 99), &[], span)? {
                axes.extend(self.given_axes(env, g)?);
            }
            return self.test_tensor(name, &axes, span).map(Val::Tensor);
        }
        let Some(target) = env.init.clone() else {
            let d = Diagnostic::error("A0403", format!("`{name}` is an initialiser"), span);
            self.report(d.help(
                "initialisers stand behind `=` of a parameter, or are given to a layer: `init: zeros`",
            ));
            return None;
        };
        let arity = match name {
            "normal" | "trunc_normal" | "uniform" => (1, 1),
            "log_uniform" => (2, 2),
            _ => (0, 0),
        };
        let args = self.arguments(name, given, arity, &[], span)?;
        let mut numbers = Vec::new();
        for g in args {
            numbers.push(self.given_number(env, g)?);
        }
        let size = |s: &Self, axes: &[AxisId]| s.elements(axes) as f64;
        let fan_out = size(self, &target.shape[..target.outputs]);
        let fan_in = size(self, &target.shape[target.outputs..]);
        let t = match name {
            "zeros" => self.number(0.0, false, span),
            "ones" => self.number(1.0, false, span),
            "normal" => self.scaled(&target, Distribution::Normal, numbers[0], 0.0, span),
            "trunc_normal" => self.scaled(&target, Distribution::TruncatedNormal, numbers[0], 0.0, span),
            "uniform" => self.scaled(&target, Distribution::Uniform, 2.0 * numbers[0], -numbers[0], span),
            "xavier_uniform" => {
                let bound = (6.0 / (fan_in + fan_out)).sqrt();
                self.scaled(&target, Distribution::Uniform, 2.0 * bound, -bound, span)
            }
            "xavier_normal" => {
                let deviation = (2.0 / (fan_in + fan_out)).sqrt();
                self.scaled(&target, Distribution::Normal, deviation, 0.0, span)
            }
            _ => {
                let (low, high) = (numbers[0].ln(), numbers[1].ln());
                let t = self.scaled(&target, Distribution::Uniform, high - low, low, span);
                self.apply(Op::Map(Map::Exp), &[&t], t.axes.clone(), DType::F32, span)
            }
        };
        Some(Val::Tensor(t))
    }

    /// Random numbers times `scale` plus `offset`.
    fn scaled(
        &mut self,
        target: &InitTarget,
        distribution: Distribution,
        scale: f64,
        offset: f64,
        span: Span,
    ) -> Tensor {
        let count = self.context().hidden_order.len();
        let purpose = if count == 0 { target.name.to_string() } else { format!("{}#{count}", target.name) };
        let kind = InputKind::Random(Random { purpose: purpose.clone(), distribution });
        let value = self.hidden_input(&purpose, kind, &target.shape, DType::F32, span);
        let entry = Entry { span, how: "the parameter has it".into() };
        let axes: Vec<_> = target.shape.iter().map(|a| (*a, entry.clone())).collect();
        let t = Tensor { level: 0, value, axes, dtype: DType::F32, gone: Rc::default() };
        let factor = self.number(scale, false, span);
        let t = self.tensor_binary(BinaryOp::Mul, &t, &factor, span).unwrap_or(t);
        if offset == 0.0 {
            return t;
        }
        let shift = self.number(offset, false, span);
        self.tensor_binary(BinaryOp::Add, &t, &shift, span).unwrap_or(t)
    }

    /// The elements of a tensor that depends on nothing but `iota` and numbers.
    pub(super) fn constant_tensor(&mut self, t: &Tensor) -> Option<Vec<f64>> {
        let source = &self.context().levels[t.level].function;
        let mut function = Function { name: "constant".into(), ..Function::default() };
        let mut copied: FxHashMap<ValueId, ValueId> = FxHashMap::default();
        let mut wanted = vec![t.value];
        let mut needed = vec![false; source.nodes.len()];
        while let Some(v) = wanted.pop() {
            let at = source.value(v).node as usize;
            if matches!(source.nodes[at].op, Op::Input | Op::Call { .. }) {
                return None;
            }
            if !std::mem::replace(&mut needed[at], true) {
                wanted.extend(&source.nodes[at].inputs);
            }
        }
        for (at, node) in source.nodes.iter().enumerate().filter(|(i, _)| needed[*i]) {
            let number = function.nodes.len() as u32;
            let mut node = source.nodes[at].clone_with(&node.inputs, &copied);
            for out in &mut node.outputs {
                let id = ValueId(function.values.len() as u32);
                function.values.push(crate::graph::Value { node: number, ..source.value(*out).clone() });
                copied.insert(*out, id);
                *out = id;
            }
            function.nodes.push(node);
        }
        function.outputs = vec![("value".into(), copied[&t.value])];
        // A table that large is not made while a program is checked.
        if function.values.iter().any(|v| self.elements(&v.shape) > MOST_CONSTANTS) {
            return None;
        }
        let order = t.ids();
        let stored = function.value(copied[&t.value]).shape.clone();
        let id = self.module.add_function(function);
        let result = interp::run(&self.module, id, &BTreeMap::new(), 1);
        self.module.functions.pop();
        let values = result.ok()?.outputs.into_iter().next()?.1.data;
        (stored == order).then_some(values)
    }
}

impl Node {
    /// The node reading the copies of its inputs.
    fn clone_with(&self, inputs: &[ValueId], copied: &FxHashMap<ValueId, ValueId>) -> Node {
        Node { inputs: inputs.iter().map(|i| copied[i]).collect(), ..self.clone() }
    }
}
