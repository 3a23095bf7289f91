//! The graph as text: one line a value, with the names and sizes of its axes.

use super::{AxisId, DType, FuncId, Function, InputKind, Module, Node, Size, ValueId};
use crate::ops::{Op, Scan, View, Windows, reduce_symbol, view_symbol};
use std::fmt::Write;

/// The whole module.
#[must_use]
pub fn print(module: &Module) -> String {
    let functions = (0..module.functions.len()).map(|f| print_function(module, FuncId(f as u32)));
    functions.collect::<Vec<_>>().join("\n")
}

/// One function of a module.
#[must_use]
pub fn print_function(module: &Module, id: FuncId) -> String {
    let mut text = String::new();
    write_function(&mut text, module, module.function(id), &format!("fn {}", id.0), "");
    text
}

impl DType {
    /// Its name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::BF16 => "bf16",
            DType::Int => "int",
            DType::Bool => "bool",
        }
    }

    /// Whether it is a float, so that a gradient can flow.
    #[must_use]
    pub fn is_float(self) -> bool {
        match self {
            DType::F32 | DType::BF16 => true,
            DType::Int | DType::Bool => false,
        }
    }
}

impl Module {
    /// An axis for people: `T:16`.
    #[must_use]
    pub fn axis_text(&self, axis: AxisId) -> String {
        let Some(known) = self.axes.get(axis.0 as usize) else {
            return format!("axis {} of no module", axis.0);
        };
        match known.size {
            Size::Fixed(size) => format!("{}:{size}", known.name),
            Size::Batch => known.name.clone(),
        }
    }

    /// A shape for people: `[batch, T:16, D:64]`. Different axes of one name are told apart by their ids.
    #[must_use]
    pub fn shape_text(&self, shape: &[AxisId]) -> String {
        let name = |a: &AxisId| self.axes.get(a.0 as usize).map(|axis| axis.name.as_str());
        let text = |axis: &AxisId| {
            let twins = shape.iter().any(|other| other != axis && name(other) == name(axis));
            let mark = if twins { format!("#{}", axis.0) } else { String::new() };
            self.axis_text(*axis).replacen(':', &format!("{mark}:"), 1)
        };
        format!("[{}]", shape.iter().map(text).collect::<Vec<_>>().join(", "))
    }
}

fn write_function(text: &mut String, module: &Module, function: &Function, head: &str, indent: &str) {
    let _ = writeln!(text, "{indent}{head} {} {{", function.name);
    for node in &function.nodes {
        let results: Vec<String> = node.outputs.iter().map(|v| result(module, function, *v)).collect();
        let inputs: Vec<String> = node.inputs.iter().map(|v| format!("%{}", v.0)).collect();
        let operation = match &node.op {
            Op::Input => input(function, node),
            op => operation(module, op, &inputs.join(", ")),
        };
        let _ = writeln!(text, "{indent}  {} = {operation}", results.join(", "));
        if let Op::Scan(Scan { body, .. }) = &node.op {
            write_function(text, module, body, "step", &format!("{indent}    "));
        }
    }
    for (name, value) in &function.outputs {
        let _ = writeln!(text, "{indent}  output {name} = %{}", value.0);
    }
    for (state, value) in &function.updates {
        let _ = writeln!(text, "{indent}  update %{} = %{}", state.0, value.0);
    }
    let _ = writeln!(text, "{indent}}}");
}

fn result(module: &Module, function: &Function, id: ValueId) -> String {
    let value = function.value(id);
    format!("%{}: {} {}", id.0, module.shape_text(&value.shape), value.storage.text())
}

fn input(function: &Function, node: &Node) -> String {
    let input = function.inputs.iter().find(|i| node.outputs.contains(&i.value));
    let Some(input) = input else { return "input of no name".into() };
    let kind = match &input.kind {
        InputKind::Argument => "argument",
        InputKind::Parameter => "parameter",
        InputKind::Buffer => "buffer",
        InputKind::State => "state",
        InputKind::Random(_) => "random",
    };
    format!("{kind} {}", input.name)
}

fn operation(module: &Module, op: &Op, inputs: &str) -> String {
    let names = |axes: &[AxisId]| axes.iter().map(|a| module.axis_text(*a)).collect::<Vec<_>>().join(", ");
    match op {
        Op::Input => "input".into(),
        Op::Constant(value) => format!("{value:?}"),
        Op::Tensor(literal) => format!("tensor of {} elements", literal.data.len()),
        Op::Iota(axis) => format!("iota {}", module.axis_text(*axis)),
        Op::Map(map) => format!("{}({inputs})", map.symbol()),
        Op::Reduce(reduce, axes) => format!("{}({inputs}) over {}", reduce_symbol(*reduce), names(axes)),
        Op::Contract(axes) => format!("contract({inputs}) over {}", names(axes)),
        Op::Scan(scan) => {
            let direction = if scan.reverse { "reverse " } else { "" };
            format!(
                "scan({inputs}) over {direction}{}, {} carries, {} sequences, {} yields, {} finals",
                module.axis_text(scan.axis),
                scan.carries,
                scan.sequences,
                scan.yields,
                scan.finals
            )
        }
        Op::View(view) => format!("{}({inputs}) {}", view_symbol(view), view_details(module, view)),
        Op::Gather { axis } => format!("gather({inputs}) at {}", module.axis_text(*axis)),
        Op::ScatterAdd { axis, .. } => format!("scatter_add({inputs}) at {}", module.axis_text(*axis)),
        Op::After => format!("after({inputs})"),
        Op::Call { function, axes } => {
            let callee = module.functions.get(function.0 as usize);
            let pairs =
                axes.iter().map(|(a, b)| format!("{} = {}", module.axis_text(*a), module.axis_text(*b)));
            let pairs = pairs.collect::<Vec<_>>().join(", ");
            format!("{}#{}({inputs}) with {pairs}", callee.map_or("?", |f| f.name.as_str()), function.0)
        }
    }
}

fn view_details(module: &Module, view: &View) -> String {
    let axis = |a: &AxisId| module.axis_text(*a);
    let list = |axes: &[AxisId]| axes.iter().map(axis).collect::<Vec<_>>().join(", ");
    match view {
        View::Rename { from, to } => format!("{} -> {}", axis(from), axis(to)),
        View::Transpose(order) => list(order),
        View::Flatten { from, to } => format!("({}) -> {}", list(from), axis(to)),
        View::Unflatten { from, to } => format!("{} -> ({})", axis(from), list(to)),
        View::Slice { axis: from, to, start, step } => {
            format!("{} -> {} from {start} by {step}", axis(from), axis(to))
        }
        View::Index { axis: from, at } => format!("{} at {at}", axis(from)),
        View::Concat { parts, into } => {
            let parts: Vec<String> =
                parts.iter().map(|p| p.as_ref().map_or_else(|| "1".into(), axis)).collect();
            format!("{} -> {}", parts.join(" ++ "), axis(into))
        }
        View::Flip(along) => axis(along),
        View::Pad { axis: from, to, before, value } => {
            format!("{} -> {}, {before} in front, fill {value:?}", axis(from), axis(to))
        }
        View::Window(Windows { axis: from, to, offset, stride, dilation, left }) => format!(
            "{} -> ({}, {}), stride {stride}, dilation {dilation}, left {left}",
            axis(from),
            axis(to),
            axis(offset)
        ),
        View::Fold(Windows { axis: into, to, offset, stride, dilation, left }) => format!(
            "({}, {}) -> {}, stride {stride}, dilation {dilation}, left {left}",
            axis(to),
            axis(offset),
            axis(into)
        ),
        View::Permute { axis: from, to, .. } => format!("{} -> {}", axis(from), axis(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, DType, InputKind, Module, Origin, dot, verify};
    use crate::ops::{Map, Op, Reduce, Scan};
    use std::sync::Arc;

    /// A linear layer, a softmax's largest element and a decaying sum.
    fn sample() -> Module {
        let mut module = Module::default();
        let (t, k, d) = (module.add_axis("T", 3), module.add_axis("D", 4), module.add_axis("D", 5));
        let batch = super::AxisId::BATCH;
        let mut step = Builder::new(&mut module, "decay");
        let h = step.input("h", InputKind::Argument, vec![batch, d], DType::F32);
        let u = step.input("u", InputKind::Argument, vec![batch, d], DType::F32);
        let new = step.add1(Op::Map(Map::Add), &[h, u]).unwrap();
        step.output("h", new);
        step.output("y", new);
        let body = Arc::new(step.function);
        let mut b = Builder::new(&mut module, "layer");
        let x = b.input("x", InputKind::Argument, vec![batch, t, k], DType::F32);
        let w = b.input("weight", InputKind::Parameter, vec![d, k], DType::F32);
        let y = b.add1(Op::Contract(vec![k]), &[x, w]).unwrap();
        let most = b.add1(Op::Reduce(Reduce::Max, vec![t]), &[y]).unwrap();
        let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 1, yields: 1, finals: 0, body };
        let z = b.add1(Op::Scan(scan), &[most, y]).unwrap();
        b.origin = Origin::default();
        b.output("output", z);
        b.finish();
        module
    }

    #[test]
    fn a_function_prints_its_axes() {
        let module = sample();
        verify(&module).unwrap();
        insta::assert_snapshot!(super::print(&module), @r"
        fn 0 layer {
          %0: [batch, T:3, D:4] f32 = argument x
          %1: [D#3:5, D#2:4] f32 = parameter weight
          %2: [batch, T:3, D:5] f32 = contract(%0, %1) over D:4
          %3: [batch, D:5] f32 = max(%2) over T:3
          %4: [batch, T:3, D:5] f32 = scan(%3, %2) over T:3, 1 carries, 1 sequences, 1 yields, 0 finals
            step decay {
              %0: [batch, D:5] f32 = argument h
              %1: [batch, D:5] f32 = argument u
              %2: [batch, D:5] f32 = add(%0, %1)
              output h = %2
              output y = %2
            }
          output output = %4
        }
        ");
    }

    #[test]
    fn a_function_draws_as_graphviz() {
        let text = dot(&sample(), super::FuncId(0));
        assert!(text.starts_with("digraph {"), "{text}");
        assert!(text.contains(r#"[ label = "contract" ]"#), "{text}");
        assert!(text.contains("[batch, D:5]"), "{text}");
    }

    #[test]
    fn a_wrong_shape_does_not_pass() {
        let mut module = sample();
        module.functions[0].values[2].shape.swap(1, 2);
        let message = verify(&module).unwrap_err().to_string();
        assert!(message.starts_with("in layer: %2 is [batch, D:5, T:3] f32"), "{message}");
    }
}
