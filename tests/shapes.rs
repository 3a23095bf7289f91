//! Compiled kernels against the f64 interpreter for sizes that the fixtures do not have: what is odd, what is
//! one, what does not divide into a vector.

mod common;

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::program::Program;
use arch_kernels::Target;
use arch_runtime::device::host::supported_targets;
use common::{Tensor, Tensors, agree, command, difference, folder, read, root, run, write};

/// Even numbers in [-1, 1] from a name and an index; the same on every machine.
fn even(name: &str, index: usize) -> f64 {
    let mut state = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    state ^= (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn random(name: &str, shape: &[usize], scale: f64) -> Tensor {
    let count = shape.iter().product();
    // The file holds f32, and both forms must begin from the same numbers.
    Tensor::floats(shape, (0..count).map(|i| f64::from((scale * even(name, i)) as f32)).collect())
}

/// What is run.
struct Case {
    file: &'static str,
    item: &'static str,
    set: &'static str,
    batch: usize,
    /// The length of the sequence, for blocks that leave it open.
    length: Option<usize>,
    timesteps: &'static [f64],
}

impl Case {
    fn program(&self) -> Program {
        let path = root().join(self.file);
        let text = std::fs::read_to_string(&path).unwrap();
        let pair = |s: &str| s.split_once('=').map(|(k, v)| (k.to_string(), v.to_string())).unwrap();
        let request = Request {
            item: Some(self.item.into()),
            set: self.set.split_whitespace().map(pair).collect(),
            dims: self.length.map(|t| ("T".to_string(), t)).into_iter().collect(),
            ..Request::default()
        };
        let outcome = compile(&NoFiles, self.file, &text, &request);
        let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
        outcome.program.unwrap_or_else(|| panic!("{said}"))
    }

    fn weights(program: &Program) -> Tensors {
        let one = |shape: &[usize]| match shape {
            // Rows of about unit length keep the numbers of deep layers about one.
            [_, rest @ ..] if !rest.is_empty() => 1.5 / (rest.iter().product::<usize>() as f64).sqrt(),
            _ => 0.5,
        };
        program
            .parameters
            .iter()
            .map(|p| (p.name.clone(), random(&p.name, &p.stored, one(&p.stored))))
            .collect()
    }

    fn inputs(&self, program: &Program) -> Tensors {
        let mut inputs = Tensors::new();
        for input in &program.inputs {
            let mut shape = vec![self.batch];
            shape.extend(program.module.dims(&input.shape, self.batch));
            let tensor = if input.integer {
                let below = input.below.expect("labels have a limit");
                // The last label first: the row that is easiest to forget.
                Tensor::integers((0..self.batch).map(|i| ((below - 1 + 3 * i) % below) as f64).collect())
            } else if input.name == "t" {
                let times = self.timesteps.iter().cycle().take(self.batch);
                Tensor::floats(&shape, times.map(|t| f64::from(*t as f32)).collect())
            } else {
                random(&input.name, &shape, 1.7)
            };
            inputs.insert(input.name.clone(), tensor);
        }
        for (name, axes) in &program.outputs {
            let mut shape = vec![self.batch];
            shape.extend(program.module.dims(axes, self.batch));
            let key = format!("{name}.grad");
            inputs.insert(key.clone(), random(&key, &shape, 1.0));
        }
        inputs
    }

    /// Compares every result and every gradient of the executing form with the interpreter's.
    fn check(&self) {
        self.check_on(&[None]);
    }

    /// The same with kernels for each of these instruction sets; none is the machine's best.
    fn check_on(&self, targets: &[Option<Target>]) {
        let program = self.program();
        let dir = folder();
        let place = |name: &str| dir.path().join(name);
        write(&place("w.safetensors"), &Self::weights(&program));
        write(&place("i.safetensors"), &self.inputs(&program));
        let set: String = self.set.split_whitespace().map(|s| format!(" --set {s}")).collect();
        let results = |form: &str, target: Option<Target>| {
            let words = format!("run {} --item {}{set} --grad --form {form}", self.file, self.item);
            let mut command = command(&words);
            if let Some(target) = target {
                command.env("ARCHC_TARGET", target.name());
            }
            let out = place("o.safetensors");
            command.arg("--weights").arg(place("w.safetensors"));
            command.arg("--inputs").arg(place("i.safetensors")).arg("--outputs").arg(&out);
            run(&mut command).fine();
            read(&out)
        };
        let mut wanted = results("interpreter", None);
        let trained = program.parameters.iter().filter(|p| p.trained).count();
        let floats = program.inputs.iter().filter(|a| !a.integer).count();
        assert_eq!(wanted.len(), program.outputs.len() + trained + floats, "every gradient is there");
        let magnitude = wanted["output"].largest();
        assert!((1e-2..1e3).contains(&magnitude), "outputs of about one: {magnitude}");
        let time = wanted.remove("grad.t");
        for target in targets {
            let got = results("executing", *target);
            let what = format!("{} with {} for {target:?}", self.item, self.set);
            // The phase of a sinusoid at t = 999 is known to 6e-5 only in f32. The gradient of the timestep is a sum
            // over all frequencies, which may cancel to 0.003 as it does at t = 250.5: such a one is measured by
            // 0.1, a tenth of what gradients at t = 999 are.
            if let Some(time) = &time {
                let apart = difference("grad.t", &got["grad.t"], time, 0.1);
                assert!(apart < 5e-5, "{what}: grad.t is off by {apart:.1e}");
            }
            agree(&what, &got, &wanted, (2e-5, 5e-5));
        }
    }
}

/// Every instruction set, as far as the machine has it.
fn targets() -> Vec<Option<Target>> {
    let supported = supported_targets();
    for target in [Target::Generic, Target::Avx2, Target::Avx512] {
        if !supported.contains(&target) {
            println!("SKIP {}: this machine does not have it", target.name());
        }
    }
    supported.into_iter().map(Some).collect()
}

#[test]
fn dit_on_every_instruction_set() {
    let set = "depth=1 hidden_size=36 num_heads=3 input_size=10 patch_size=2 in_channels=3 num_classes=7";
    let timesteps = &[0.0, 512.0, 999.0];
    Case { file: "models/dit.arch", item: "DiT", set, batch: 3, length: None, timesteps }
        .check_on(&targets());
}

#[test]
fn mixer_on_every_instruction_set() {
    let set = "d_model=10 d_state=4 bidirectional=true";
    Case { file: "models/mamba.arch", item: "MambaMixer", set, batch: 2, length: Some(19), timesteps: &[] }
        .check_on(&targets());
}

fn dit(set: &'static str, batch: usize, timesteps: &'static [f64]) {
    Case { file: "models/dit.arch", item: "DiT", set, batch, length: None, timesteps }.check();
}

fn variant(item: &'static str) {
    let set = "depth=2 hidden_size=36 num_heads=3 input_size=9 patch_size=3 in_channels=1 num_classes=4 mlp_ratio=2.5";
    let timesteps = &[0.37, 87.25, 999.0];
    Case { file: "models/dit.arch", item, set, batch: 3, length: None, timesteps }.check();
}

fn sit(set: &'static str, batch: usize) {
    let timesteps = &[0.0, 0.37, 1.0];
    Case { file: "models/sit.arch", item: "SiT", set, batch, length: None, timesteps }.check();
}

fn uvit(set: &'static str, batch: usize) {
    let timesteps = &[3.0, 512.25, 999.0];
    Case { file: "models/uvit.arch", item: "UViT", set, batch, length: None, timesteps }.check();
}

fn dimamba(set: &'static str, batch: usize) {
    Case { file: "models/mamba.arch", item: "DiMamba", set, batch, length: None, timesteps: &[7.0, 641.5] }
        .check();
}

fn mixer(set: &'static str, batch: usize, length: usize) {
    let length = Some(length);
    Case { file: "models/mamba.arch", item: "MambaMixer", set, batch, length, timesteps: &[] }.check();
}

#[test]
fn dit_on_five_by_five_tokens_with_three_heads() {
    dit(
        "depth=2 hidden_size=36 num_heads=3 input_size=10 patch_size=2 in_channels=3 num_classes=7",
        3,
        &[0.0, 512.0, 999.0],
    );
}

#[test]
fn dit_on_three_by_three_tokens_with_five_heads_and_fractional_times() {
    dit(
        "depth=1 hidden_size=40 num_heads=5 input_size=9 patch_size=3 in_channels=1 num_classes=4",
        2,
        &[0.37, 87.25],
    );
}

#[test]
fn dit_on_two_by_two_tokens_without_variance() {
    dit(
        "depth=1 hidden_size=24 num_heads=1 input_size=8 patch_size=4 in_channels=2 num_classes=3 learn_sigma=false",
        1,
        &[250.5],
    );
}

#[test]
fn dit_of_one_token_without_a_null_label() {
    dit(
        "depth=1 hidden_size=20 num_heads=5 input_size=3 patch_size=3 in_channels=1 num_classes=2 \
         class_dropout_prob=0 learn_sigma=false mlp_ratio=2.5",
        5,
        &[1.0, 30.0],
    );
}

#[test]
fn dit_of_many_odd_sizes() {
    dit(
        "depth=1 hidden_size=52 num_heads=13 input_size=7 patch_size=1 in_channels=5 num_classes=11 mlp_ratio=1.5",
        7,
        &[999.75, 3.0, 444.0],
    );
}

#[test]
fn dit_without_gates_on_three_by_three_tokens() {
    variant("DiTAdaLN");
}

#[test]
fn dit_in_context_on_three_by_three_tokens() {
    variant("DiTInContext");
}

#[test]
fn dit_by_cross_attention_on_three_by_three_tokens() {
    variant("DiTCrossAttention");
}

#[test]
fn sit_on_five_by_five_tokens_with_one_field() {
    sit(
        "depth=1 hidden_size=28 num_heads=7 input_size=5 patch_size=1 in_channels=3 num_classes=2 learn_sigma=false",
        2,
    );
}

#[test]
fn sit_without_a_null_label() {
    sit("depth=2 hidden_size=24 num_heads=3 input_size=6 patch_size=2 num_classes=3 class_dropout_prob=0", 3);
}

#[test]
fn uvit_of_odd_width_with_three_heads() {
    uvit(
        "img_size=9 patch_size=3 in_chans=1 embed_dim=45 depth=3 num_heads=3 mlp_ratio=2.5 num_classes=5",
        3,
    );
}

#[test]
fn uvit_without_skips_convolution_and_labels() {
    uvit("img_size=8 patch_size=4 in_chans=2 embed_dim=20 depth=4 num_heads=5 skip=false conv=false", 2);
}

#[test]
fn uvit_of_five_by_five_tokens_with_a_network_for_the_timestep() {
    uvit(
        "img_size=5 patch_size=1 in_chans=3 embed_dim=21 depth=5 num_heads=7 mlp_time_embed=true qkv_bias=true \
         qk_scale=0.3 num_classes=1",
        1,
    );
}

#[test]
fn uvit_of_the_middle_block_alone() {
    uvit("img_size=6 patch_size=2 in_chans=5 embed_dim=16 depth=1 num_heads=2 num_classes=3 p_uncond=0.5", 5);
}

#[test]
fn mixer_with_a_narrow_convolution_and_one_state() {
    mixer("d_model=12 d_conv=3 d_state=1", 2, 11);
}

#[test]
fn mixer_of_one_token() {
    mixer("d_model=8 d_state=3", 1, 1);
}

#[test]
fn mixer_of_two_tokens() {
    mixer("d_model=8 d_state=16 d_conv=4", 3, 2);
}

#[test]
fn mixer_without_expansion_and_with_a_rank_of_five() {
    mixer("d_model=20 expand=1 dt_rank=5 d_state=3 bias=true", 2, 33);
}

#[test]
fn mixer_of_odd_width_without_the_biases_of_convolutions() {
    mixer("d_model=7 expand=3 d_conv=1 d_state=5 conv_bias=false", 1, 65);
}

#[test]
fn mixer_in_both_directions() {
    mixer("d_model=10 d_state=16 bidirectional=true", 2, 19);
}

#[test]
fn dimamba_in_one_direction() {
    dimamba(
        "depth=2 hidden_size=20 input_size=9 patch_size=3 in_channels=1 num_classes=3 d_state=3 d_conv=3",
        2,
    );
}

#[test]
fn dimamba_in_both_directions() {
    dimamba(
        "depth=1 hidden_size=24 input_size=10 patch_size=2 in_channels=2 num_classes=5 bidirectional=true \
         expand=1 learn_sigma=false class_dropout_prob=0",
        1,
    );
}
