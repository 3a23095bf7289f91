//! The CUDA text of the golden kernels and of the whole zoo under NVIDIA's own compiler, where that is there: it needs
//! no GPU.

#[path = "../../kernels/tests/golden_plans/mod.rs"]
mod golden_plans;

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::plan::Plan;
use arch_kernels::print::cuda::{self, Source};
use arch_kernels::{Options, Target};
use arch_runtime::device::nvrtc::{Nvrtc, NvrtcError, Usage};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

/// The compiler; says so aloud, once, if there is none.
fn nvrtc() -> Option<&'static Nvrtc> {
    static FOUND: OnceLock<Option<Nvrtc>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match Nvrtc::find() {
        Ok(nvrtc) => Some(nvrtc),
        Err(missing @ NvrtcError::Missing { .. }) => {
            // By the handle, which the test harness does not catch.
            let _ = writeln!(std::io::stdout(), "\nSKIP CUDA kernels for sm_90: {missing}");
            None
        }
        Err(other) => panic!("{other}"),
    });
    found.as_ref()
}

/// Each text is compiled once, however many models have it.
fn usage(nvrtc: &Nvrtc, source: &Source) -> Usage {
    static KNOWN: Mutex<BTreeMap<String, Usage>> = Mutex::new(BTreeMap::new());
    if let Some(known) = KNOWN.lock().unwrap().get(&source.text) {
        return *known;
    }
    let usage = nvrtc.usage(&source.name, &source.text).unwrap_or_else(|e| panic!("{e}\n{}", source.text));
    KNOWN.lock().unwrap().insert(source.text.clone(), usage);
    usage
}

/// Compiles all kernels of a plan. Local memory is only where the printer says so, and nothing is spilled.
fn check(what: &str, plan: &Plan) {
    let Some(nvrtc) = nvrtc() else { return };
    for source in cuda::sources(plan).unwrap_or_else(|e| panic!("{what}: {e}")).0 {
        let used = usage(nvrtc, &source);
        let declared = source.launch.shared - source.launch.dynamic;
        assert_eq!(used.spilled, 0, "{what}: {used:?}\n{}", source.text);
        assert!(used.stack <= source.launch.local, "{what}: {used:?}, {:?}\n{}", source.launch, source.text);
        // What is never read is not there at all.
        assert!(used.shared <= declared, "{what}: {used:?}, {:?}\n{}", source.launch, source.text);
    }
}

#[test]
fn golden_kernels_need_no_local_memory() {
    let Some(nvrtc) = nvrtc() else { return };
    for (name, plan) in golden_plans::all(Target::Cuda) {
        for source in cuda::sources(&plan).unwrap().0 {
            let used = usage(nvrtc, &source);
            println!("{name}: {used:?}");
            assert_eq!((used.stack, used.spilled), (0, 0), "{name}: {used:?}");
            // Blocks of one warp, of whose shared memory a multiprocessor holds nine: these may have 224 registers each.
            let most = if name == "attention_gradient" { 224 } else { 128 };
            assert!(used.registers <= most, "{name}: {used:?}");
        }
    }
}

#[test]
fn a_text_that_is_wrong_is_refused_with_its_line() {
    let Some(nvrtc) = nvrtc() else { return };
    let error =
        nvrtc.usage("wrong", "extern \"C\" __global__ void wrong(float *a) { a = 1.0f; }").unwrap_err();
    assert!(error.to_string().contains("wrong.cu(2)"), "{error}");
}

/// The plan of a program as commands have it.
fn lowered(program: &Program, gradients: Option<Gradients<'_>>, batch: usize) -> Plan {
    let mut module = program.module.clone();
    let (entry, _) = build::entry(&mut module, program.entry, Spelling::Canonical, gradients).unwrap();
    let options = Options { target: Target::Cuda, batch, sources: None };
    build::plan(&mut module, entry, Spelling::Canonical, &options).unwrap().plan
}

/// A family of the zoo at the size of the digits, forward and with all gradients.
fn family(model: &str, item: &str, preset: Option<&str>, set: &[(&str, &str)]) {
    family_at((model, item), preset, set, &[], 4);
}

fn family_at(
    (model, item): (&str, &str),
    preset: Option<&str>,
    set: &[(&str, &str)],
    dims: &[(&str, usize)],
    batch: usize,
) {
    if nvrtc().is_none() {
        return;
    }
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let dims = dims.iter().map(|(name, size)| ((*name).into(), *size)).collect();
    let request =
        Request { item: Some(item.into()), preset: preset.map(Into::into), set, dims, ..Request::default() };
    let outcome = compile(&NoFiles, model, text, &request);
    let program = outcome.program.unwrap_or_else(|| panic!("{item}: {:?}", outcome.diagnostics));
    check(item, &lowered(&program, None, batch));
    let trained = program.trained();
    check(item, &lowered(&program, Some(Gradients { of: &trained, memory: Memory::Fast }), batch));
}

#[test]
fn transformers_compile() {
    for (model, item) in [("dit", "DiT"), ("sit", "SiT"), ("uvit", "UViT")] {
        family(model, item, Some("digits"), &[]);
    }
    // Rows that do not fill warps.
    let odd = [("hidden_size", "36"), ("num_heads", "3"), ("depth", "1")];
    family("dit", "DiT", Some("digits"), &odd);
    for kind in ["adaln", "in_context", "cross_attention"] {
        family("dit", "DiT", Some("digits"), &[("conditioning", kind), ("depth", "2")]);
    }
}

#[test]
fn recurrences_compile() {
    for (model, item) in [("mamba", "DiMamba"), ("dis", "DiS"), ("zigma", "ZigMa")] {
        family(model, item, Some("digits"), &[]);
    }
    let odd = [("hidden_size", "20"), ("depth", "1"), ("d_state", "3")];
    family("mamba", "DiMamba", Some("digits"), &odd);
    let small =
        [("hidden_size", "64"), ("depth", "2"), ("input_size", "8"), ("num_classes", "5"), ("d_state", "16")];
    family("diffussm", "DiffuSSM", None, &small);
    let small = [("d_model", "64"), ("n_layers", "2"), ("input_spatial_size", "8"), ("d_state", "16")];
    family("diffussm", "DiffuSSMLesson", None, &small);
    family(
        "mamba",
        "DiMamba",
        Some("digits"),
        &[("mixer", "mamba2"), ("bidirectional", "false"), ("depth", "2")],
    );
    for kind in ["v1", "v2"] {
        let set = [("d_model", "64"), ("bimamba_type", kind)];
        family_at(("vim", "VimMixer"), None, &set, &[("T", 64)], 4);
    }
    // One sample and many steps: in chunks that run side by side.
    family_at(("mamba", "MambaMixer"), None, &[("d_model", "64")], &[("T", 1024)], 1);
}

#[test]
fn convolutions_compile() {
    family("unet", "UNet", Some("digits"), &[]);
}

#[test]
fn buffers_that_want_indices_of_64_bits_compile() {
    family_at(("dit", "DiT"), Some("S/2"), &[("depth", "1")], &[], 4096);
}
