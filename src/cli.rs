//! The arguments of every command.

use arch_compiler::memory::Memory;
use arch_runtime::recipe::MOST_SAMPLES;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;

/// A language, compiler and runtime for the backbones of diffusion models.
#[derive(Parser)]
#[command(name = "archc", version, about, long_about = LONG, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    /// What is shown, and how.
    #[command(flatten)]
    pub output: Output,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const LONG: &str = "A backbone is a text file in a small language, `.arch`. archc checks it, counts its \
parameters and operations, compiles it, trains it and samples from it, on any CPU.";

const AFTER: &str = "Start here:
  archc new my-idea && cd my-idea     a project that trains as it stands
  archc check backbone.arch           is it right?
  archc train recipe.toml             train it
  archc explain A0203                 what a message means

Environment:
  ARCHC_CC          the C compiler; else the first of cc, gcc and clang that runs
  ARCHC_CC_SECONDS  how long it may take for one file of kernels before it is stopped; else 300
  ARCHC_CACHE_DIR   where compiled kernels are kept; else archc in the user's cache folder
  ARCHC_TARGET      the instruction set of the kernels, generic, avx2 or avx512; else the best of the machine
  ARCHC_NVRTC       the folder of NVIDIA's compiler, for `kernels --registers`; else CUDA_HOME and Python's packages

Data goes to stdout, everything else to stderr. Exit codes: 0 fine, 1 problems found, 2 misuse, 101 our fault.";

const TRAIN: &str = "Examples:
  archc train recipe.toml
  archc train recipe.toml --set train.steps=200 --set model.set.depth=4
  archc train recipe.toml --resume              after Ctrl-C, a crash, or for more steps

Ctrl-C finishes the step and writes a checkpoint. `archc explain R0103` has every key of a recipe.";

const SAMPLE: &str = "Examples:
  archc sample runs/recipe/checkpoints/last.safetensors --out digits.png
  archc sample runs/recipe/checkpoints/last.safetensors --labels 3,7 --count 20 --guidance-scale 2 --out digits.npz
  archc sample --recipe recipe.toml --weights public.safetensors --sampler ddim --steps 50 --out folder";

const BENCH: &str = "Examples:
  archc bench forward backbone.arch --preset small --batch 32
  archc bench train-step backbone.arch --preset small --batch 32 --profile
  archc bench startup backbone.arch --preset small";

const KERNELS: &str = "Examples:
  archc kernels backbone.arch --target cuda --out kernels     write them, and commit the folder
  archc kernels backbone.arch --target cuda --check kernels   what did a change of text do to them?

--check exits 1 where a kernel, or how it is called, is not what was written: old and new kernels stand in pairs with \
what changed of bytes, FLOPs, launch and shapes, a diff of their texts, which are new or gone, and kernels, steps and \
bytes moved of the whole. Where only source lines moved, as after a comment, it says so and exits 0; --out writes them \
anew. Files that the manifest does not list are nobody's business. --json leaves nothing out.";

const RUN: &str = "Examples:
  archc run models/mamba.arch --item MambaMixer --set d_model=16 --weights w.safetensors --inputs x.safetensors \
    --outputs y.safetensors --grad";

const VERIFY: &str = "Examples:
  archc verify block.arch --dim D=24 --dim T=7
  archc verify models/dit.arch --preset digits --set depth=2";

const IMPORT: &str = "Examples:
  archc import DiT-XL-2-256x256.pt --model models/dit.arch --preset XL/2 --out dit.safetensors
  archc sample --recipe recipe.toml --weights dit.safetensors --labels 207 --out latents.npz
  archc import 0050000.pt --key model --model models/dit.arch --preset B/4 --out raw.safetensors
  archc import diffusion_pytorch_model.safetensors --mapping dit-diffusers \\
    --model models/dit.arch --preset XL/2 --out dit.safetensors

Nothing in a checkpoint is run: a pickle that asks for more than tensors and plain data is refused by name. \
Elements come in bit for bit. Wrappers (`module.`, `_orig_mod.`) are taken off names; buffers that the model \
computes, such as tables of positions, may be absent.

A mapping is a TOML file of the names that differ. Left stands ours, right theirs; what is in braces is any one \
part between dots. Several of theirs are joined along the first axis; none, and they do not store it:
  \"x_embedder.proj.{p}\" = \"patch_embed.proj.{p}\"
  \"blocks.{i}.attn.qkv.{p}\" = [\"h.{i}.q.{p}\", \"h.{i}.k.{p}\", \"h.{i}.v.{p}\"]
  \"pos_embed\" = []
A part that only theirs has stands for copies. timm's names of layers (`attn.qkv`, `mlp.fc1`) are ours already.";

const EXPORT: &str = "Examples:
  archc export runs/recipe/checkpoints/last.safetensors --out weights.safetensors
  archc export dit.safetensors --mapping dit-diffusers --out diffusion_pytorch_model.safetensors

In PyTorch:
  from safetensors.torch import load_file
  model.load_state_dict(load_file(\"weights.safetensors\"))

What was imported goes out bit for bit. `archc import --help` says what a mapping is.";

fn whole(text: &str, range: std::ops::RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| range.contains(n));
    number.ok_or_else(|| format!("a whole number from {} to {} is wanted", range.start(), range.end()))
}

/// A number of things of which there is at least one.
fn some(text: &str) -> Result<usize, String> {
    whole(text, 1..=MOST_SAMPLES)
}

/// A number of things of which there may be none.
fn any(text: &str) -> Result<usize, String> {
    whole(text, 0..=MOST_SAMPLES)
}

/// A number of threads; 0 leaves it to the machine.
fn threads(text: &str) -> Result<usize, String> {
    whole(text, 0..=1024)
}

/// How much memory is taken for speed, as recipes write it.
fn memory() -> impl TypedValueParser<Value = Memory> {
    let words = PossibleValuesParser::new(Memory::ALL.map(Memory::word));
    words.map(|word| Memory::ALL.into_iter().find(|m| m.word() == word).unwrap_or_default())
}

/// What is shown, and how.
#[derive(Args)]
pub struct Output {
    /// Results as JSON on stdout.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Errors only: no warnings, no progress.
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Notes too.
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

impl Output {
    /// Whether messages are coloured: on a terminal, unless NO_COLOR is set.
    pub fn color(&self) -> bool {
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
    }

    /// Whether progress bars are drawn.
    pub fn bars(&self) -> bool {
        std::io::stderr().is_terminal() && !self.quiet && !self.json
    }
}

/// Which item of a file, with which sizes.
#[derive(Args, Clone)]
pub struct ModelArgs {
    /// The model or block; may be left out where the file has one model, or no model and one block.
    #[arg(long, value_name = "NAME")]
    pub item: Option<String>,
    /// A preset, and after a slash the value of the config that it leaves open: XL/2.
    #[arg(long, value_name = "PRESET")]
    pub preset: Option<String>,
    /// A config value: --set depth=12. Again for further ones.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The size of an open axis: --dim T=1024. Again for further ones.
    #[arg(long, value_name = "AXIS=SIZE")]
    pub dim: Vec<String>,
}

/// In which form a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Compiled kernels.
    Executing,
    /// luminal's own operators, unfused: slow, a second opinion.
    Primitive,
    /// The f64 interpreter: slow, right by construction.
    Interpreter,
}

/// Whether mathematics is respelled before kernels are made of it, and whether operations share kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fuse {
    /// In its canonical spelling: however a text says it, the same kernels.
    On,
    /// As the text says it: what the spelling alone brings.
    Written,
    /// As the text says it, a kernel for each operation: a reference.
    Off,
}

impl Form {
    /// As it is written on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Form::Executing => "executing",
            Form::Primitive => "primitive",
            Form::Interpreter => "interpreter",
        }
    }
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Check files: names, sizes, axes. Nothing is run.
    Check(CheckArgs),
    /// Write files in the one style.
    Fmt(FmtArgs),
    /// Say what the code of a message means, with an example.
    Explain(ExplainArgs),
    /// Count parameters, operations and memory, in all and per layer.
    Report(ReportArgs),
    /// Show any stage of the compilation.
    Dev(DevArgs),
    /// Write the generated kernels of an item, or say what became of those that were written before.
    #[command(after_help = KERNELS)]
    Kernels(KernelsArgs),
    /// Run a model or block once on tensors from a file.
    #[command(after_help = RUN)]
    Run(RunArgs),
    /// Train what a recipe says.
    #[command(after_help = TRAIN)]
    Train(Box<TrainArgs>),
    /// Draw samples from a checkpoint.
    ///
    /// What is not given here is taken from the recipe that the checkpoint was trained by.
    #[command(after_help = SAMPLE)]
    Sample(Box<SampleArgs>),
    /// Draw samples and hold them against the data the model was trained on.
    Eval(Box<EvalArgs>),
    /// Bring in weights of other programs: PyTorch's `.pt`, safetensors, sharded ones.
    ///
    /// Makes one safetensors file under the names of the model, for `run --weights` and `sample --weights`.
    #[command(after_help = IMPORT)]
    Import(ImportArgs),
    /// Write weights under the names of the public code, for `load_state_dict`.
    #[command(after_help = EXPORT)]
    Export(ExportArgs),
    /// Measure how long things take.
    #[command(after_help = BENCH)]
    Bench(BenchArgs),
    /// Start a project that trains as it stands.
    New(NewArgs),
    /// Run the tests that files state of themselves.
    Test(TestArgs),
    /// Hold an item's kernels against the f64 interpreter, and its gradients against finite differences.
    ///
    /// Inputs are random, and parameters lie near their initial values. Prints how far apart each result and each
    /// gradient is; exit 1 if one is wrong.
    #[command(after_help = VERIFY)]
    Verify(VerifyArgs),
    /// What this machine has of what archc can use.
    Doctor,
    /// Completions for a shell.
    Completions(CompletionsArgs),
}

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// One forward pass.
    Forward,
    /// Loss, backward pass, AdamW and moving average.
    TrainStep,
    /// DDIM sampling with guidance: two forward passes a step.
    Sample,
    /// An item of any kind on random inputs; with --backward, the gradients of its parameters and inputs, too.
    Op,
    /// Whole processes: checking, the first step of sampling and of training with cached kernels; and compiling
    /// all kernels anew.
    Startup,
}

impl Task {
    /// As it is written on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Task::Forward => "forward",
            Task::TrainStep => "train-step",
            Task::Sample => "sample",
            Task::Op => "op",
            Task::Startup => "startup",
        }
    }
}

/// Arguments of `bench`.
#[derive(Args)]
pub struct BenchArgs {
    /// What is measured.
    pub task: Task,
    /// The file.
    pub file: PathBuf,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Samples at a time.
    #[arg(long, default_value_t = 1, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub batch: usize,
    /// Threads; 0 takes as many as there are cores.
    #[arg(long, default_value_t = 0, value_parser = threads, allow_negative_numbers = true, value_name = "N")]
    pub threads: usize,
    /// How often it is measured.
    #[arg(long, default_value_t = 9, value_parser = some, allow_negative_numbers = true, value_name = "R")]
    pub repeats: usize,
    /// How often it runs before that.
    #[arg(long, default_value_t = 2, value_parser = any, allow_negative_numbers = true, value_name = "R")]
    pub warmup: usize,
    /// Sampling steps.
    #[arg(long, default_value_t = 20, value_parser = some, allow_negative_numbers = true, value_name = "K")]
    pub steps: usize,
    /// For `op`: gradients, too.
    #[arg(long)]
    pub backward: bool,
    /// In which form: `primitive` is the unfused baseline.
    #[arg(long, value_enum, default_value = "executing")]
    pub form: Form,
    /// A table of kernels: calls, time, bytes, GB/s, GFLOP/s.
    #[arg(long)]
    pub profile: bool,
    /// For `startup`: sample from this checkpoint; without it, one is made by training for a step.
    #[arg(long, value_name = "CHECKPOINT")]
    pub checkpoint: Option<PathBuf>,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    /// Forms other than `executing` take the text as it is written.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
    /// How much memory the backward pass may take for speed: what it reads is kept, or computed again.
    #[arg(long, value_parser = memory(), default_value = "fast")]
    pub memory: Memory,
}

/// The projects that `new` can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// A diffusion transformer.
    Dit,
    /// A backbone of Mamba mixers.
    Mamba,
}

/// Arguments of `new`.
#[derive(Args)]
pub struct NewArgs {
    /// The folder to make.
    pub dir: PathBuf,
    /// What to start from.
    #[arg(long, value_enum, default_value = "dit")]
    pub template: Template,
}

/// Arguments of `test`.
#[derive(Args)]
pub struct TestArgs {
    /// The files; a folder means all `.arch` files in it.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only tests whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

/// Arguments of `verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// The file.
    pub file: PathBuf,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// How many samples.
    #[arg(long, default_value_t = 2, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub batch: usize,
    /// Other random numbers.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads; 0 takes as many as there are cores.
    #[arg(long, default_value_t = 0, value_parser = threads, allow_negative_numbers = true, value_name = "N")]
    pub threads: usize,
}

/// Arguments of `completions`.
#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// Arguments of `check`.
#[derive(Args)]
pub struct CheckArgs {
    /// The files; a folder means all `.arch` files in it.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Which item; without it, all are checked.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `fmt`.
#[derive(Args)]
pub struct FmtArgs {
    /// The files; a folder means all `.arch` files in it, `-` reads from stdin and writes to stdout.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit 1 if something would change.
    #[arg(long)]
    pub check: bool,
}

/// Arguments of `explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// A code such as A0203; without one, all are listed.
    pub code: Option<String>,
}

/// Arguments of `report`.
#[derive(Args)]
pub struct ReportArgs {
    /// The file.
    pub file: PathBuf,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Samples for the memory figures.
    #[arg(long, default_value_t = 1, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub batch: usize,
    /// Also count kernels, matrix products, operations, bytes moved and the arena's peak: forward, and with gradients
    /// for each setting of `train.memory`.
    #[arg(long)]
    pub kernels: bool,
    /// How deep the table of layers goes.
    #[arg(long, default_value_t = 2, value_parser = any, allow_negative_numbers = true, value_name = "LEVELS")]
    pub depth: usize,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
}

/// The stages of the compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The syntax tree.
    Ast,
    /// Config, axes, layers and parameters.
    Program,
    /// The graph of the forward pass.
    Graph,
    /// The graph with gradients of all parameters.
    Grad,
    /// The orders in which scans visit the positions of a grid (as text or svg).
    Orders,
    /// The canonical spelling that kernels are made of; with --why the rules that led to it and what each kernel holds.
    Fused,
    /// What is run: kernels, matrix products and their places in memory.
    Kernels,
    /// The luminal graph of the executing form, with --form primitive of the primitive one (as dot).
    Luminal,
}

/// How a stage is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text.
    Text,
    /// Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Arguments of `dev`.
#[derive(Args)]
pub struct DevArgs {
    /// The file.
    pub file: PathBuf,
    /// Which stage.
    #[arg(long, value_enum, default_value = "graph")]
    pub stage: Stage,
    /// How.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// One flat function in place of calls.
    #[arg(long)]
    pub flat: bool,
    /// Samples, for the stages that have a batch.
    #[arg(long, default_value_t = 1, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub batch: usize,
    /// Kernels and luminal graph with gradients of all parameters.
    #[arg(long)]
    pub grad: bool,
    /// Which luminal graph.
    #[arg(long, value_enum, default_value = "executing")]
    pub form: Form,
    /// `c`, `c:avx2` ... or `cuda`: for the stage of kernels print their texts, too, after the plan; with --why, say what
    /// becomes of the text there (else for `c`).
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    /// Forms other than `executing` take the text as it is written.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
    /// How much memory the backward pass may take for speed: what it reads is kept, or computed again.
    #[arg(long, value_parser = memory(), default_value = "fast")]
    pub memory: Memory,
    /// With --stage fused: for every kernel its source lines, the rules that made it, bytes and time before and after,
    /// and why its neighbors are not in it.
    #[arg(long)]
    pub why: bool,
}

/// Arguments of `kernels`.
#[derive(Args)]
pub struct KernelsArgs {
    /// The file.
    pub file: PathBuf,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// `cuda`, `c:generic`, `c:avx2` or `c:avx512`; `c` alone is `c:avx2`, so that files do not depend on the machine.
    #[arg(long, default_value = "c", value_name = "TARGET")]
    pub target: String,
    /// Write the sources and manifest.json here. Kernels that the manifest there lists and that are no longer made are
    /// removed; other files stay.
    #[arg(long, value_name = "DIR", conflicts_with = "check", required_unless_present = "check")]
    pub out: Option<PathBuf>,
    /// Compare with what was written here; exit 1 and the differences if a kernel or how it is called changed.
    #[arg(long, value_name = "DIR")]
    pub check: Option<PathBuf>,
    /// Samples.
    #[arg(long, default_value_t = 1, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub batch: usize,
    /// With gradients of all parameters.
    #[arg(long)]
    pub grad: bool,
    /// For `cuda`: let NVRTC compile them, and state registers and spills in the manifest. Needs no GPU.
    #[arg(long)]
    pub registers: bool,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
    /// How much memory the backward pass may take for speed: what it reads is kept, or computed again.
    #[arg(long, value_parser = memory(), default_value = "fast")]
    pub memory: Memory,
}

/// Arguments of `run`.
#[derive(Args)]
pub struct RunArgs {
    /// The file.
    pub file: PathBuf,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Parameters and buffers by their names in the checkpoint.
    #[arg(long, value_name = "SAFETENSORS")]
    pub weights: PathBuf,
    /// Inputs by the names of `forward`, batch first; `NAME.grad` (`output.grad` where a result has no name) is the
    /// gradient of a result that --grad starts from.
    #[arg(long, value_name = "SAFETENSORS")]
    pub inputs: PathBuf,
    /// Where results go: `output` or the results' names, and with --grad `grad.NAME`.
    #[arg(long, value_name = "SAFETENSORS")]
    pub outputs: PathBuf,
    /// Gradients of the sum of NAME * NAME.grad over results whose NAME.grad is among the inputs; where none is, of
    /// mean(NAME^2) of the first result.
    #[arg(long)]
    pub grad: bool,
    /// In which form.
    #[arg(long, value_enum, default_value = "executing")]
    pub form: Form,
    /// Threads; 0 takes as many as there are cores.
    #[arg(long, default_value_t = 0, value_parser = threads, allow_negative_numbers = true, value_name = "N")]
    pub threads: usize,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    /// Forms other than `executing` take the text as it is written.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
}

/// Arguments of `train`.
#[derive(Args)]
pub struct TrainArgs {
    /// The recipe.
    #[arg(value_name = "RECIPE")]
    pub recipe: PathBuf,
    /// A key of the recipe: --set train.steps=200. Again for further ones.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Go on from the run's last checkpoint.
    #[arg(long)]
    pub resume: bool,
    /// The run's folder; runs/NAME of the recipe if left out. An existing one is never overwritten.
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Recorded steps (`step{k}.x_start`, `.noise`, `.t`, `.y`) in place of data and random numbers; nothing is
    /// dropped out then.
    #[arg(long, value_name = "SAFETENSORS")]
    pub replay: Option<PathBuf>,
    /// Weights to begin with, by their names in the checkpoint.
    #[arg(long, value_name = "SAFETENSORS")]
    pub weights: Option<PathBuf>,
    /// In which form.
    #[arg(long, value_enum, default_value = "executing")]
    pub form: Form,
    /// Threads; 0 takes as many as there are cores. Results do not depend on it.
    #[arg(long, default_value_t = 0, value_parser = threads, allow_negative_numbers = true, value_name = "N")]
    pub threads: usize,
    /// At the end a table of kernels: calls, time, bytes, GB/s, GFLOP/s.
    #[arg(long)]
    pub profile: bool,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    /// Forms other than `executing` take the text as it is written.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
}

/// Arguments of `sample`.
#[derive(Args)]
pub struct SampleArgs {
    /// What is drawn.
    #[command(flatten)]
    pub source: DrawArgs,
    /// Where to: .png a grid, a folder one PNG each, .npz for FID evaluators, .safetensors floats.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
}

/// Arguments of `eval`.
#[derive(Args)]
pub struct EvalArgs {
    /// What is drawn.
    #[command(flatten)]
    pub sample: DrawArgs,
}

/// What samples are drawn from, and how.
#[derive(Args)]
pub struct DrawArgs {
    /// A checkpoint of `archc train`; it carries the model, the recipe and the weights.
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: Option<PathBuf>,
    /// For weights from elsewhere: the recipe that names model and diffusion.
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<PathBuf>,
    /// For weights from elsewhere: plain tensors by name.
    #[arg(long, value_name = "SAFETENSORS")]
    pub weights: Option<PathBuf>,
    /// Labels, `0,1,2` or `all`; they take turns. `null` is none: a sample of no class.
    #[arg(long, allow_negative_numbers = true, value_name = "LABELS")]
    pub labels: Option<String>,
    /// How many samples.
    #[arg(long, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub count: Option<usize>,
    /// `ddpm` (ancestral) or `ddim`.
    #[arg(long)]
    pub sampler: Option<String>,
    /// How many steps, or a respacing such as `ddim20` or `4,3,2`.
    #[arg(long, allow_negative_numbers = true, value_name = "K")]
    pub steps: Option<String>,
    /// The share of noise in DDIM.
    #[arg(long, allow_negative_numbers = true, value_name = "ETA")]
    pub eta: Option<f64>,
    /// Classifier-free guidance; 1 is none.
    #[arg(long, allow_negative_numbers = true, value_name = "G")]
    pub guidance_scale: Option<f64>,
    /// How many channels are guided; 3 is what the public DiT code does. All, if left out.
    #[arg(long, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub guidance_channels: Option<usize>,
    /// The seed; sample k depends on it and k alone.
    #[arg(long, allow_negative_numbers = true, value_name = "S")]
    pub seed: Option<u64>,
    /// Keep the predicted clean sample within [-1, 1].
    #[arg(long)]
    pub clip: Option<bool>,
    /// Noise from a file (`initial` [N,...], `steps` [K,N,...]) in place of random numbers.
    #[arg(long, value_name = "SAFETENSORS")]
    pub noise: Option<PathBuf>,
    /// The weights as trained, not their moving average.
    #[arg(long)]
    pub raw: bool,
    /// Samples at a time.
    #[arg(long, default_value_t = 64, value_parser = some, allow_negative_numbers = true, value_name = "N")]
    pub batch: usize,
    /// Any other key of the recipe: --set sample.clip=false.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// In which form.
    #[arg(long, value_enum, default_value = "executing")]
    pub form: Form,
    /// Threads; 0 takes as many as there are cores.
    #[arg(long, default_value_t = 0, value_parser = threads, allow_negative_numbers = true, value_name = "N")]
    pub threads: usize,
    /// Whether mathematics is brought into its canonical spelling, and operations share kernels.
    /// Forms other than `executing` take the text as it is written.
    #[arg(long, value_enum, default_value = "on")]
    pub fuse: Fuse,
}

/// Arguments of `import`.
#[derive(Args)]
pub struct ImportArgs {
    /// A PyTorch archive (.pt, .pth, .bin), a safetensors file, or the .index.json of a sharded one.
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// The architecture that the weights are for.
    #[arg(long = "model", value_name = "FILE")]
    pub file: PathBuf,
    /// Which item.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Which part of the checkpoint: `ema`, `model`, `state_dict`. Without it the one that fits, and the moving
    /// average if several do.
    #[arg(long, value_name = "PART")]
    pub key: Option<String>,
    /// How their names become ours: `dit-diffusers`, or a file.
    #[arg(long, value_name = "NAME|TOML")]
    pub mapping: Option<String>,
    /// Leave out tensors that the model does not have.
    #[arg(long)]
    pub allow_extra: bool,
    /// Where to.
    #[arg(long, value_name = "SAFETENSORS")]
    pub out: PathBuf,
}

/// Arguments of `export`.
#[derive(Args)]
pub struct ExportArgs {
    /// A checkpoint of `archc train`, or a file of `archc import`.
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// The weights as trained, not their moving average.
    #[arg(long)]
    pub raw: bool,
    /// How our names become theirs: `dit-diffusers`, or a file.
    #[arg(long, value_name = "NAME|TOML")]
    pub mapping: Option<String>,
    /// Where to.
    #[arg(long, value_name = "SAFETENSORS")]
    pub out: PathBuf,
}
