//! Programs and numbers for them.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{DType, FuncId, InputKind, Module};
use arch_compiler::interp::{Tensor, fresh_inputs, noise};
use arch_compiler::library;
use arch_compiler::program::Program;
use std::collections::BTreeMap;

/// A program and how many samples it is run on.
pub struct Case {
    pub name: String,
    pub program: Program,
    pub batch: usize,
}

/// Config values by name.
type Settings<'a> = &'a [(&'a str, &'a str)];

/// Small models of all families.
pub fn zoo() -> Vec<Case> {
    let small: Settings = &[
        ("hidden_size", "24"),
        ("depth", "2"),
        ("input_size", "4"),
        ("num_classes", "5"),
        ("num_heads", "3"),
    ];
    let uvit: Settings =
        &[("embed_dim", "24"), ("depth", "2"), ("img_size", "4"), ("num_classes", "5"), ("num_heads", "3")];
    let dis: Settings =
        &[("embed_dim", "24"), ("depth", "2"), ("img_size", "4"), ("num_classes", "5"), ("d_state", "4")];
    let unet: Settings = &[
        ("image_size", "4"),
        ("in_channels", "1"),
        ("model_channels", "32"),
        ("num_res_blocks", "1"),
        ("attention_resolutions", "[2]"),
        ("channel_mult", "[1, 1]"),
    ];
    let zigma: Settings = &[
        ("embed_dim", "20"),
        ("depth", "2"),
        ("img_dim", "4"),
        ("in_channels", "1"),
        ("num_classes", "5"),
        ("scan_type", "zigzagN8"),
    ];
    let mamba2 = [&small[..4], &[("mixer", "mamba2"), ("headdim", "8")]].concat();
    let items: [(&str, &str, Settings); 11] = [
        ("dit", "DiT", small),
        ("dit", "DiTInContext", small),
        ("dit", "DiTCrossAttention", small),
        ("uvit", "UViT", uvit),
        ("mamba", "DiMamba", &small[..4]),
        ("mamba", "DiMamba", &mamba2),
        ("diffussm", "DiffuSSM", &small[..4]),
        ("sit", "SiT", small),
        ("dis", "DiS", dis),
        ("unet", "UNet", unet),
        ("zigma", "ZigMa", zigma),
    ];
    let case = |(model, item, set): &(&str, &str, Settings)| Case {
        name: (*item).into(),
        program: model_of(model, item, set),
        batch: 2,
    };
    items.iter().map(case).chain(blocks()).collect()
}

/// Blocks that take axes apart and put them together, and such with factors of sums, with no size twice but where that is the
/// point.
fn blocks() -> impl Iterator<Item = Case> {
    let (heads, placed, packed) = (super::heads::TEXT, super::placed::TEXT, super::packed::TEXT);
    /// A text, one of its blocks, and the sizes of its axes.
    type Block = (&'static str, &'static str, &'static [(&'static str, usize)]);
    let sizes: [Block; 12] = [
        (heads, "Heads", &[("T", 5), ("H", 2), ("P", 3), ("N", 4)]),
        (heads, "Apart", &[("T", 5), ("H", 2), ("P", 3)]),
        (heads, "Blend", &[("T", 5), ("D", 3)]),
        (placed, "Subtracted", &[("T", 5), ("D", 3), ("F", 11)]),
        (placed, "Along", &[("T", 5), ("D", 3), ("F", 11)]),
        (placed, "Stepped", &[("T", 5), ("D", 3), ("F", 11)]),
        (placed, "Within", &[("T", 5), ("D", 3), ("F", 11)]),
        (packed, "Packed", &[("T", 5), ("D", 4), ("H", 2), ("P", 3)]),
        (packed, "Together", &[("T", 5), ("D", 4), ("R", 3)]),
        (packed, "Taps", &[("T", 7), ("D", 4)]),
        (packed, "Sides", &[("T", 5), ("D", 4)]),
        (packed, "Scaled", &[("T", 5), ("D", 3)]),
    ];
    sizes.into_iter().map(|(text, item, sizes)| {
        let dims = sizes.iter().map(|(axis, size)| ((*axis).to_string(), *size)).collect();
        let request = Request { item: Some(item.into()), dims, ..Request::default() };
        Case { name: item.into(), program: program("blocks", text, &request), batch: 2 }
    })
}

/// Blocks that look like what is taken to another form, and differ from it in one thing: a stranger wrote them to find
/// faults. What stands before each gives the sizes of its axes.
pub fn adverse() -> impl Iterator<Item = Case> {
    let texts = [
        include_str!("adverse/parts.arch"),
        include_str!("adverse/taps.arch"),
        include_str!("adverse/scans.arch"),
        include_str!("adverse/results.arch"),
        include_str!("adverse/heads.arch"),
        include_str!("adverse/rolled.arch"),
    ];
    texts.into_iter().flat_map(|text| {
        let blocks = text.split("// dims ").skip(1).filter_map(|part| part.split_once("\n"));
        blocks.map(move |(sizes, block)| {
            let item = block.trim_start_matches("block ").split(['(', ' ']).next().unwrap_or_default();
            let dims = sizes.split_whitespace().filter_map(|size| {
                let (axis, size) = size.split_once('=')?;
                Some((axis.to_string(), size.parse().ok()?))
            });
            let request = Request { item: Some(item.into()), dims: dims.collect(), ..Request::default() };
            Case { name: item.into(), program: program("adverse", text, &request), batch: 3 }
        })
    })
}

fn model_of(model: &str, item: &str, set: Settings) -> Program {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    program(model, text, &Request { item: Some(item.into()), set, ..Request::default() })
}

/// A checked program.
pub fn program(name: &str, text: &str, request: &Request) -> Program {
    let outcome = compile(&NoFiles, name, text, request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{name} does not check: {said}"))
}

/// Numbers for all inputs of a function: noise, and small integers where it wants integers.
pub fn numbers(module: &Module, function: FuncId, batch: usize) -> BTreeMap<String, Tensor> {
    let mut all = fresh_inputs(module, function, "fuse", batch);
    let f = module.function(function);
    for input in &f.inputs {
        let value = f.value(input.value);
        let dims = module.dims(&value.shape, batch);
        let mut tensor = noise(&input.name, &dims);
        if value.storage == DType::Int {
            tensor.data.iter_mut().enumerate().for_each(|(at, x)| *x = (at % 3) as f64);
        } else if input.kind == InputKind::Parameter {
            tensor.data.iter_mut().for_each(|x| *x *= 0.3);
        }
        all.entry(input.name.clone()).or_insert(tensor);
    }
    all
}

/// The largest element.
pub fn largest(of: &Tensor) -> f64 {
    of.data.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The largest difference, in units of the largest element or of `floor`.
pub fn difference(a: &Tensor, b: &Tensor, floor: f64) -> f64 {
    assert_eq!(a.dims, b.dims);
    let unit = largest(a).max(floor);
    let apart = a.data.iter().zip(&b.data).map(|(x, y)| (x - y).abs() / unit);
    apart.fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}
