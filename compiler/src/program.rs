//! What the checker hands on: functions, and what the outside must know of them.
//!
//! A [`Program`] is a proof: whoever holds one need not check a shape again.

use crate::graph::{AxisId, DType, FuncId, Module};
use arch_grammar::Span;

/// One item (a model or block) with all its sizes known, ready to differentiate and lower.
#[derive(Clone, Debug)]
pub struct Program {
    /// All functions.
    pub module: Module,
    /// The item's `forward`. Its inputs are the arguments by their names, then the parameters and buffers
    /// under the names of the checkpoint. Its outputs are the results; a single unnamed one is `output`.
    pub entry: FuncId,
    /// The item's name.
    pub item: String,
    /// Trained tensors and buffers in the order of the checkpoint.
    pub parameters: Vec<Parameter>,
    /// The arguments of `forward`, in order.
    pub inputs: Vec<Argument>,
    /// The results, in order: name and axes in the order of the signature (without the batch).
    pub outputs: Vec<(String, Vec<AxisId>)>,
    /// Config values after defaults, preset and settings, as they would be written after `--set`.
    pub config: Vec<(String, String)>,
    /// The layers, for reports: depth first.
    pub layers: Vec<Layer>,
}

impl Program {
    /// The parameters that are trained, by name. One that nothing uses has no gradient.
    #[must_use]
    pub fn trained(&self) -> Vec<&str> {
        let entry = self.module.function(self.entry);
        let used = self.parameters.iter().filter(|p| p.trained && entry.input(&p.name).is_some());
        used.map(|p| p.name.as_str()).collect()
    }
}

/// A tensor of the checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `blocks.0.attn.qkv.weight`; also the name of the entry's input.
    pub name: String,
    /// The sizes under which the checkpoint stores it; same numbers in the same order as `shape`.
    pub stored: Vec<usize>,
    /// Its axes, row-major.
    pub shape: Vec<AxisId>,
    /// How it is stored.
    pub dtype: DType,
    /// Whether it is trained; buffers are not.
    pub trained: bool,
    /// Whether weight decay applies.
    pub decay: bool,
    /// A function with random inputs only, whose output `value` is the initial value.
    /// Its random inputs' purposes are the parameter's name (and a number where there are several).
    pub init: FuncId,
    /// Where it was declared.
    pub declared: Span,
}

/// What an input of a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The noisy sample.
    Noisy,
    /// The timestep.
    Timestep,
    /// The class label.
    Label,
    /// Context tokens.
    Context,
}

/// An argument of `forward`.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it is for, if known (by its name or an attribute). Blocks have no roles.
    pub role: Option<Role>,
    /// Its axes in the order of the signature, without the batch.
    pub shape: Vec<AxisId>,
    /// Whether it holds integers.
    pub integer: bool,
    /// For an integer that is looked up: values from 0 to below this are allowed.
    pub below: Option<usize>,
    /// The label that stands for no label.
    pub null: Option<i64>,
}

/// A layer, for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `blocks.0.attn`; empty for the item itself.
    pub path: String,
    /// `attention`.
    pub block: String,
    /// Trained parameters in it and below.
    pub params: usize,
    /// Parameters and buffers in it and below.
    pub params_with_buffers: usize,
    /// The functions that run when it is called once, if it is called.
    pub function: Option<FuncId>,
    /// How often one forward pass calls it.
    pub calls: usize,
}
