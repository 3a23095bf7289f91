//! The models of the zoo go through every pass of the graph.

use arch_compiler::check::{NoFiles, Request, check_file, compile};
use arch_compiler::graph::{InputKind, verify};
use arch_compiler::program::Program;
use arch_compiler::{canon, cost, grad, library};

/// Config values by name.
type Settings<'a> = &'a [(&'a str, &'a str)];

fn program(model: &str, item: &str, preset: Option<&str>, set: Settings) -> Program {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request =
        Request { item: Some(item.into()), preset: preset.map(Into::into), set, ..Request::default() };
    let outcome = compile(&NoFiles, model, text, &request);
    outcome.program.unwrap_or_else(|| panic!("{model} does not check: {:?}", outcome.diagnostics))
}

/// Every configuration that `archc check` looks at, and blocks with sizes that suit them.
#[test]
fn nothing_is_said_of_the_library() {
    for (name, text) in library::ZOO.iter().chain(library::STD) {
        let found = check_file(&NoFiles, &format!("{name}.arch"), text, &Request::default());
        let said = arch_grammar::render(&found.diagnostics, &found.sources, false);
        assert!(said.is_empty(), "{said}");
    }
}

#[test]
fn models_differentiate_and_clean_up() {
    let dit = [
        ("hidden_size", "24"),
        ("depth", "3"),
        ("input_size", "8"),
        ("num_classes", "5"),
        ("num_heads", "3"),
    ];
    let uvit =
        [("embed_dim", "24"), ("depth", "6"), ("img_size", "8"), ("num_classes", "5"), ("num_heads", "3")];
    let items: [(&str, &str, Settings); 8] = [
        ("dit", "DiT", &dit),
        ("dit", "DiTAdaLN", &dit),
        ("dit", "DiTInContext", &dit),
        ("dit", "DiTCrossAttention", &dit),
        ("sit", "SiT", &dit),
        ("uvit", "UViT", &uvit),
        ("mamba", "DiMamba", &dit[..4]),
        ("diffussm", "DiffuSSM", &dit[..4]),
    ];
    for (model, item, set) in items {
        let Program { mut module, entry, .. } = program(model, item, None, set);
        let function = module.function(entry).clone();
        let trained = function.inputs.iter().filter(|i| i.kind == InputKind::Parameter);
        let trained: Vec<&str> = trained.map(|i| i.name.as_str()).collect();
        let before = module.functions.len();
        grad::value_and_grad(&mut module, entry, &trained).expect("parameters have gradients");
        // Three blocks that are one function are differentiated once.
        assert!(module.functions.len() < 2 * before + 3, "{} functions", module.functions.len());
        verify(&module).expect("the gradients keep the rules");
        canon::run_all(&mut module).expect("the clean-ups fit");
        verify(&module).expect("the clean-ups keep the rules");
    }
}

/// The closed formula of DiT's multiply-accumulates (Peebles and Xie, arXiv 2212.09748, table 4: 118.64
/// Gflops, where one Gflop is a multiply-accumulate).
#[test]
fn dit_xl_2_costs_what_the_paper_says() {
    let Program { mut module, entry, .. } = program("dit", "DiT", Some("XL/2"), &[]);
    canon::run_all(&mut module).expect("the clean-ups fit");
    let (depth, d, t, patch) = (28, 1152, 256, 2 * 2 * 4);
    let block = t * d * (4 * d) + 2 * t * t * d + 2 * t * d * (4 * d) + d * (6 * d);
    let rest = t * patch * d + 256 * d + d * d + d * (2 * d) + t * d * (2 * patch);
    assert_eq!(cost::macs(&module, entry), depth * block + rest);
}

/// Public code has 1000 in many places where the number of classes is meant.
#[test]
fn the_null_label_follows_the_number_of_classes() {
    let label = |model: &str, item: &str, set: &[(&str, &str)]| {
        let program = program(model, item, None, set);
        let y = program.inputs.into_iter().find(|i| i.name == "y");
        y.map(|y| (y.null, y.below))
    };
    let seven = [("num_classes", "7")];
    for (model, item) in [("dit", "DiT"), ("dit", "DiTInContext"), ("sit", "SiT"), ("mamba", "DiMamba")] {
        assert_eq!(label(model, item, &seven), Some((Some(7), Some(8))), "{item}");
        let never = [seven[0], ("class_dropout_prob", "0")];
        assert_eq!(label(model, item, &never).and_then(|y| y.1), Some(7), "{item} has no row for none");
    }
    assert_eq!(label("uvit", "UViT", &seven), Some((Some(6), Some(7))));
    assert_eq!(label("uvit", "UViT", &[("num_classes", "-1")]), None);
}
