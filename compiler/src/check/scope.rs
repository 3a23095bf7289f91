//! Names in scope: a block's config, axes, parameters and layers, and the local names of a body.

use super::block::TemplateId;
use super::source::ItemRef;
use super::value::Val;
use crate::graph::AxisId;
use arch_grammar::Span;
use indexmap::IndexMap;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A config value of a block, or a number that its members share.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether it can be set: what a `let` names cannot.
    pub settable: bool,
    /// Its value.
    pub value: Val,
    /// Where it is declared.
    pub declared: Span,
    /// What it may be, if its type is `one of { … }`.
    pub choices: Rc<[String]>,
}

/// What a block-level name stands for besides config and axes.
#[derive(Clone, Debug)]
pub enum Part {
    /// A parameter or buffer: its place in the block's list.
    Parameter(usize),
    /// A layer, a list of layers, or [`Val::Absent`].
    Layer(Val),
}

/// The names of a block (or of a file, where `block` is empty), shared by everything in it.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The file that item names are looked up in.
    pub file: usize,
    /// Config values.
    pub config: IndexMap<String, Config>,
    /// Axes and axis lists.
    pub axes: IndexMap<String, Val>,
    /// Parameters, buffers and layers.
    pub parts: IndexMap<String, (Part, Span)>,
}

/// One layer of local names, innermost last.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Values.
    pub values: IndexMap<String, Local>,
    /// Axes declared here: open axes of the signature, `dims`, axes that a view made.
    pub axes: IndexMap<String, AxisId>,
}

/// A local value.
#[derive(Clone, Debug)]
pub struct Local {
    /// The value.
    pub value: Val,
    /// Where it was bound.
    pub span: Span,
    /// Whether it may be updated with `<-` to another value of the same type, and whether that appends.
    pub collects: bool,
}

/// All names that an expression can see.
#[derive(Clone, Debug)]
pub struct Env {
    /// The block's names.
    pub scope: Rc<Scope>,
    /// Local names, innermost last.
    pub frames: Vec<Frame>,
    /// Block-level names that were used, shared with whoever warns of unused ones.
    pub used: Rc<RefCell<BTreeSet<String>>>,
    /// Local bindings that were used, by the place where they were bound.
    pub used_locals: Rc<RefCell<BTreeSet<Span>>>,
    /// Whether integer division must be exact (sizes), or gives a float (values).
    pub sizes: bool,
    /// Set inside an initialiser.
    pub init: Option<InitTarget>,
    /// The functions that are being expanded, innermost last.
    pub expanding: Vec<ItemRef>,
    /// The block whose `forward` this is.
    pub template: Option<TemplateId>,
    /// Axes that pass through the block or function without being named by it.
    pub lifted: Vec<AxisId>,
}

/// The tensor that an initialiser makes.
#[derive(Clone, Debug)]
pub struct InitTarget {
    /// Its name.
    pub name: Rc<str>,
    /// Its axes.
    pub shape: Vec<AxisId>,
    /// How many of them, from the first, are outputs (for fan-in and fan-out).
    pub outputs: usize,
}

impl Env {
    /// The names of a block, and no local ones.
    pub fn new(scope: Rc<Scope>) -> Self {
        Env {
            scope,
            frames: vec![Frame::default()],
            used: Rc::default(),
            used_locals: Rc::default(),
            sizes: false,
            init: None,
            expanding: Vec::new(),
            template: None,
            lifted: Vec::new(),
        }
    }

    /// The local value of that name.
    pub fn local(&self, name: &str) -> Option<&Local> {
        self.frames.iter().rev().find_map(|f| f.values.get(name))
    }

    /// The local or block-level axis (or axis list) of that name.
    pub fn axis(&self, name: &str) -> Option<Val> {
        let local = self.frames.iter().rev().find_map(|f| f.axes.get(name)).map(|a| Val::Axis(*a));
        local.or_else(|| self.scope.axes.get(name).cloned())
    }

    /// Binds a local value in the innermost frame.
    pub fn bind(&mut self, name: &str, value: Val, span: Span) {
        if let Some(frame) = self.frames.last_mut() {
            frame.values.insert(name.to_string(), Local { value, span, collects: false });
        }
    }

    /// Declares a local axis in the innermost frame.
    pub fn bind_axis(&mut self, name: &str, axis: AxisId) {
        if let Some(frame) = self.frames.last_mut() {
            frame.axes.insert(name.to_string(), axis);
        }
    }

    /// Names of axes in scope, innermost first, for messages.
    pub fn axis_names(&self) -> Vec<String> {
        let local = self.frames.iter().rev().flat_map(|f| f.axes.keys().rev());
        local.chain(self.scope.axes.keys()).cloned().collect()
    }

    /// All value names in scope, for "did you mean".
    pub fn value_names(&self) -> Vec<String> {
        let local = self.frames.iter().rev().flat_map(|f| f.values.keys().rev());
        local.chain(self.scope.config.keys()).chain(self.scope.parts.keys()).cloned().collect()
    }
}
