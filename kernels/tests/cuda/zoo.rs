//! The families of the zoo that the executing form's cases leave out, forward and with all gradients.

use crate::common::{Fill, Terms, compare};
use crate::models::{compare_both, program};
use crate::tolerance::GRADIENTS;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_compiler::schedule::Form;
use arch_compiler::train::{OptimizerOptions, Parts, TrainOptions, build};
use arch_compiler::{fuse, library};

fn check(model: &str, item: &str, set: &[(&str, &str)], batch: usize) {
    compare_both(item, program(model, item, set), &[batch]);
}

#[test]
fn sit() {
    let set = [
        ("hidden_size", "24"),
        ("depth", "1"),
        ("input_size", "6"),
        ("in_channels", "2"),
        ("num_classes", "5"),
        ("num_heads", "3"),
    ];
    check("sit", "SiT", &set, 3);
}

#[test]
fn uvit() {
    let set = [
        ("embed_dim", "24"),
        ("depth", "2"),
        ("img_size", "6"),
        ("in_chans", "2"),
        ("num_classes", "5"),
        ("num_heads", "2"),
    ];
    check("uvit", "UViT", &set, 2);
}

#[test]
fn dis() {
    let set =
        [("embed_dim", "20"), ("depth", "2"), ("img_size", "6"), ("channels", "1"), ("num_classes", "5")];
    check("dis", "DiS", &set, 2);
}

#[test]
fn vim() {
    for kind in ["v1", "v2"] {
        let text = library::ZOO.iter().find(|(name, _)| *name == "vim").expect("the model is in the zoo").1;
        let set = [("d_model", "20"), ("d_state", "5"), ("bimamba_type", kind)];
        let set = set.map(|(name, value)| (name.into(), value.into())).to_vec();
        let request = Request { set, dims: vec![("T".into(), 9)], ..Request::default() };
        let outcome = compile(&NoFiles, "vim", text, &request);
        compare_both("VimMixer", outcome.program.expect("the mixer checks"), &[2]);
    }
}

/// A recurrence as products inside of chunks, the last of which is not full.
#[test]
fn mamba2_in_chunks() {
    let text = library::ZOO.iter().find(|(name, _)| *name == "mamba").expect("the model is in the zoo").1;
    let set = [("d_model", "16"), ("headdim", "32"), ("d_state", "16"), ("learnable_init_states", "true")];
    let set = set.map(|(name, value)| (name.into(), value.into())).to_vec();
    let item = Some("Mamba2Mixer".into());
    let request = Request { item, set, dims: vec![("T".into(), 37)], ..Request::default() };
    let outcome = compile(&NoFiles, "mamba", text, &request);
    let program = outcome.program.expect("the mixer checks");
    let (_, canonical) = fuse::canonical(&mut program.module.clone(), program.entry).expect("the rules fit");
    assert!(matches!(canonical.scans[0].form, Form::Matrix { chunk: 32, .. }), "{}", canonical.scans[0]);
    compare_both("Mamba2Mixer", program, &[2]);
}

#[test]
fn zigma() {
    let set = [
        ("embed_dim", "20"),
        ("depth", "2"),
        ("img_dim", "4"),
        ("in_channels", "1"),
        ("num_classes", "5"),
        ("scan_type", "zigzagN8"),
    ];
    check("zigma", "ZigMa", &set, 2);
}

/// An item of the losses for samples of one channel and 4 x 4.
fn loss(item: &str, set: &[(&str, &str)]) -> Program {
    let text =
        library::STD.iter().find(|(name, _)| *name == "std/losses.arch").expect("the losses are there").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let dims = [("C", 1), ("H", 4), ("W", 4)].map(|(name, size)| (name.into(), size)).to_vec();
    let request = Request { item: Some(item.into()), set, dims, training: true, ..Request::default() };
    compile(&NoFiles, "std/losses.arch", text, &request).program.expect("the losses check")
}

#[test]
fn a_whole_training_step_with_its_updates() {
    let size = [("hidden_size", "16"), ("depth", "1"), ("input_size", "4"), ("in_channels", "1")];
    let more = [("num_classes", "5"), ("learn_sigma", "false")];
    let heads = [("num_heads", "2")];
    let dit = program("dit", "DiT", &[&size[..], &more, &heads].concat());
    let mamba = program("mamba", "DiMamba", &[&size[..], &more].concat());
    let (noising, loss) = (loss("NoisySample", &[]), loss("GaussianLoss", &[("variance", "fixed_small")]));
    let optimizer = OptimizerOptions {
        betas: (0.9, 0.95),
        eps: 1e-6,
        weight_decay: 0.01,
        ema_decay: Some(0.9),
        clip_grad_norm: Some(0.1),
    };
    for (item, model) in [("DiT", &dit), ("DiMamba", &mamba)] {
        let parts = Parts { model, noising: &noising, loss: &loss };
        let programs =
            build(parts, &TrainOptions { optimizer, accumulate: 1, fuse: true, memory: Memory::Fast })
                .unwrap();
        assert!(!programs.module.function(programs.update).updates.is_empty());
        let terms = Terms::everywhere(&GRADIENTS, Fill::Training, 4);
        compare(&format!("{item} step"), &programs.module, programs.update, 3, &terms);
    }
}
