//! Functions under construction. A context is a stack of functions: the function itself and, inside a scan,
//! the body of the scan. An operation goes to the innermost function that one of its inputs belongs to, so
//! whatever does not depend on the step is computed before the scan, once.

use super::Session;
use super::forward::Hidden;
use super::value::{Entry, Tensor, Val};
use crate::graph::{AxisId, Builder, DType, Function, InputKind, Rules, ValueId};
use crate::ops::Op;
use crate::ops::source::Literal;
use arch_grammar::{Diagnostic, Span};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use std::sync::Arc;

/// One function and, for scans, what it took from around it.
#[derive(Default)]
pub(super) struct Level {
    pub function: Function,
    /// For the body of a scan: its axis.
    pub axis: Option<AxisId>,
    /// For the body of a scan: the name of its position.
    pub position: String,
    /// What the body reads of the function around it, in order of first use.
    pub constants: Vec<(ValueId, ValueId)>,
    pub sequences: Vec<(ValueId, ValueId)>,
}

/// A function under construction.
#[derive(Default)]
pub(super) struct Context {
    pub levels: Vec<Level>,
    /// Inputs for parameters and random numbers, by name below this block.
    pub hidden: FxHashMap<String, ValueId>,
    /// The same in order of first use.
    pub hidden_order: Vec<Hidden>,
    /// Compile-time numbers that were already made into values, by level and bits.
    numbers: FxHashMap<(usize, u64), ValueId>,
}

impl Session<'_> {
    pub(super) fn context(&mut self) -> &mut Context {
        if self.contexts.is_empty() {
            self.contexts.push(Context { levels: vec![Level::default()], ..Context::default() });
        }
        let last = self.contexts.len() - 1;
        &mut self.contexts[last]
    }

    /// Opens a function; everything until [`Self::close`] goes into it.
    pub(super) fn open(&mut self, name: &str) {
        let function = Function { name: name.to_string(), ..Function::default() };
        let level = Level { function, ..Level::default() };
        self.contexts.push(Context { levels: vec![level], ..Context::default() });
    }

    /// Ends the innermost function.
    pub(super) fn close(&mut self) -> Function {
        let context = self.contexts.pop().unwrap_or_default();
        context.levels.into_iter().next().map(|l| l.function).unwrap_or_default()
    }

    pub(super) fn depth(&mut self) -> usize {
        self.context().levels.len() - 1
    }

    fn with_builder<R>(&mut self, level: usize, origin: Span, f: impl FnOnce(&mut Builder<'_>) -> R) -> R {
        let function = std::mem::take(&mut self.context().levels[level].function);
        let (origin, by) = (origin.into(), Rules::NONE);
        let mut builder = Builder { module: &mut self.module, function, origin, by };
        let result = f(&mut builder);
        let function = std::mem::take(&mut builder.function);
        self.context().levels[level].function = function;
        result
    }

    /// Adds an input to the function itself.
    pub(super) fn add_input(
        &mut self,
        name: &str,
        kind: InputKind,
        shape: Vec<AxisId>,
        dtype: DType,
        origin: Span,
    ) -> ValueId {
        self.add_input_at(0, name, kind, shape, dtype, origin)
    }

    /// The input for a parameter, buffer or random number: one for each name.
    pub(super) fn hidden_input(
        &mut self,
        name: &str,
        kind: InputKind,
        shape: &[AxisId],
        dtype: DType,
        declared: Span,
    ) -> ValueId {
        if let Some(v) = self.context().hidden.get(name) {
            return *v;
        }
        let value = self.add_input(name, kind.clone(), shape.to_vec(), dtype, declared);
        let context = self.context();
        context.hidden.insert(name.to_string(), value);
        context.hidden_order.push(Hidden { name: name.into(), kind, shape: shape.to_vec(), dtype, declared });
        value
    }

    /// A name that no hidden input has yet: a layer that is called twice draws new random numbers.
    pub(super) fn unused_hidden(&mut self, name: String) -> String {
        let taken = |s: &mut Self, n: &str| s.context().hidden.contains_key(n);
        if !taken(self, &name) {
            return name;
        }
        let mut again = 1;
        while taken(self, &format!("{name}#{again}")) {
            again += 1;
        }
        format!("{name}#{again}")
    }

    pub(super) fn add_input_at(
        &mut self,
        level: usize,
        name: &str,
        kind: InputKind,
        shape: Vec<AxisId>,
        dtype: DType,
        origin: Span,
    ) -> ValueId {
        let value = self.with_builder(level, origin, |b| b.input(name, kind, shape, dtype));
        self.is_countable(level, &[value], origin);
        value
    }

    /// Adds an operation at a level and gives its values. The axes must fit: a fault here is ours.
    pub(super) fn add_at(&mut self, level: usize, op: Op, inputs: &[ValueId], origin: Span) -> Vec<ValueId> {
        self.burn(origin);
        match self.with_builder(level, origin, |b| b.add(op.clone(), inputs)) {
            Ok(values) => {
                self.is_countable(level, &values, origin);
                values
            }
            Err(e) => {
                let text = format!("the compiler built an operation that does not fit: {}", e.0);
                self.report(
                    Diagnostic::error("A0999", text, origin)
                        .help("this is a fault of archc, please report it with this file"),
                );
                inputs.first().map_or_else(|| vec![ValueId(0); 8], |v| vec![*v; 8])
            }
        }
    }

    /// Reports a fault of the compiler itself.
    pub(super) fn fault(&mut self, what: &str) {
        let text = format!("the compiler contradicts itself: {what}");
        self.report(
            Diagnostic::error("A0999", text, Span::default())
                .help("this is a fault of archc, please report it with this file"),
        );
    }

    /// The level that an operation on these tensors belongs to.
    pub(super) fn level_of(inputs: &[&Tensor]) -> usize {
        inputs.iter().map(|t| t.level).max().unwrap_or(0)
    }

    /// Adds an operation with one result: `axes` says what the language sees of it.
    pub(super) fn apply(
        &mut self,
        op: Op,
        inputs: &[&Tensor],
        axes: Vec<(AxisId, Entry)>,
        dtype: DType,
        origin: Span,
    ) -> Tensor {
        let level = Self::level_of(inputs);
        let values: Vec<ValueId> = inputs.iter().map(|t| self.at_level(t, level, origin)).collect();
        let went = super::lacking::went(&op, inputs, &axes, origin);
        let gone = Tensor::departures(went, inputs);
        let value = self.add_at(level, op, &values, origin)[0];
        Tensor { level, value, axes, dtype, gone }
    }

    /// The value of a tensor as the function at `level` sees it.
    pub(super) fn at_level(&mut self, tensor: &Tensor, level: usize, origin: Span) -> ValueId {
        if tensor.level >= level {
            return tensor.value;
        }
        self.fits_step(tensor, level, origin);
        self.capture(tensor.value, level, false, origin)
    }

    /// Whether a value can be used at a level: in the step of a scan it must not have the scan's axis.
    pub(super) fn fits_step(&mut self, tensor: &Tensor, level: usize, span: Span) -> bool {
        let here = &self.context().levels[level];
        let (axis, position) = (here.axis, here.position.clone());
        let Some(axis) = axis.filter(|a| tensor.level < level && tensor.has(*a)) else { return true };
        let name = self.axis_name(axis);
        let shown = self.sources.slice(span).to_string();
        let shown = if shown.contains(' ') { format!("({shown})") } else { shown };
        let has = self.show_axes(&tensor.ids());
        let d = Diagnostic::error("A0506", format!("this value still has the scan's axis `{name}`"), span)
            .label(format!("this is {has}, but one step sees one position of `{name}`"))
            .help(format!("take its value at the step's position: `{shown}[{position}]`"));
        self.report(d);
        false
    }

    /// Makes a value of the function around a scan an input of the scan's body.
    pub(super) fn capture(&mut self, outer: ValueId, level: usize, sequence: bool, origin: Span) -> ValueId {
        let here = &self.context().levels[level];
        let known = if sequence { &here.sequences } else { &here.constants };
        if let Some((_, inner)) = known.iter().find(|(o, _)| *o == outer) {
            return *inner;
        }
        let axis = here.axis;
        let count = known.len();
        let value = self.context().levels[level - 1].function.value(outer).clone();
        let shape = if sequence {
            value.shape.iter().copied().filter(|a| Some(*a) != axis).collect()
        } else {
            value.shape
        };
        let name = format!("{}{count}", if sequence { "sequence" } else { "constant" });
        let inner = self.add_input_at(level, &name, InputKind::Argument, shape, value.storage, origin);
        let here = &mut self.context().levels[level];
        if sequence {
            here.sequences.push((outer, inner))
        } else {
            here.constants.push((outer, inner))
        }
        inner
    }

    /// A compile-time number as a tensor without axes.
    pub(super) fn number(&mut self, value: f64, integer: bool, origin: Span) -> Tensor {
        let dtype = if integer { DType::Int } else { DType::F32 };
        let key = (usize::from(integer), value.to_bits());
        if let Some(v) = self.context().numbers.get(&key) {
            return Tensor { level: 0, value: *v, axes: Vec::new(), dtype, gone: Rc::default() };
        }
        let op = if integer {
            Op::Tensor(Arc::new(Literal { shape: Vec::new(), data: vec![value], integer: true }))
        } else {
            Op::Constant(value)
        };
        let v = self.add_at(0, op, &[], origin)[0];
        self.context().numbers.insert(key, v);
        Tensor { level: 0, value: v, axes: Vec::new(), dtype, gone: Rc::default() }
    }

    /// A value as a tensor: tensors as they are, numbers and axes as numbers.
    pub(super) fn tensor(&mut self, value: &Val, origin: Span) -> Option<Tensor> {
        match value {
            Val::Tensor(t) => Some(t.clone()),
            Val::Number(n) => Some(self.number(n.value.float(), false, origin)),
            Val::Axis(a) => {
                let size = self.size_of(*a) as f64;
                Some(self.number(size, false, origin))
            }
            Val::Axes(list) => {
                let elements = self.elements(list) as f64;
                Some(self.number(elements, false, origin))
            }
            Val::Bool(b) => Some(self.number(f64::from(u8::from(*b)), false, origin)),
            Val::Error => None,
            Val::Absent(_) => {
                self.present(value.clone(), origin);
                None
            }
            Val::Position(_) => {
                let d = Diagnostic::error("A0315", "a position of a scan is not a number", origin)
                    .label("stands in brackets: `u[t]`, `u[t - 1]`");
                self.report(d.help("its number is a value too: `iota(T)[t]`"));
                None
            }
            other => {
                let text = format!("a tensor or a number is wanted here, not {}", other.kind());
                self.report(Diagnostic::error("A0315", text, origin));
                None
            }
        }
    }
}
