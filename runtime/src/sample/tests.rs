use super::*;
use crate::diffusion::{Guidance, Predict, Respacing, Sampler, Schedule, Variance};
use crate::error::Code;
use crate::execute::RunError;
use crate::interface::{LabelInput, TimestepInput};
use crate::recipe::{SampleRecipe, Steps};

/// Stands in for a compiled model: predicts half of what it sees plus a tenth of the label.
struct Stub {
    batch: usize,
    x: Vec<f32>,
    labels: Vec<i32>,
    runs: usize,
}

impl Execute for Stub {
    fn batch(&self) -> usize {
        self.batch
    }
    fn write(&mut self, name: &str, data: Data<'_>) -> Result<(), RunError> {
        match (name, data) {
            ("x", Data::Float(x)) => self.x = x.to_vec(),
            ("y", Data::Int(y)) => self.labels = y.to_vec(),
            ("t", _) => {}
            _ => return Err(RunError::UnknownTensor(name.into())),
        }
        Ok(())
    }
    fn run(&mut self, _: &str) -> Result<(), RunError> {
        self.runs += 1;
        Ok(())
    }
    fn read(&self, _: &str, into: &mut [f32]) -> Result<(), RunError> {
        let length = into.len() / self.batch;
        for (i, out) in into.iter_mut().enumerate() {
            *out = 0.5 * self.x[i] + 0.1 * self.labels[i / length] as f32;
        }
        Ok(())
    }
    fn len(&self, _: &str) -> Option<usize> {
        None
    }
}

fn interface() -> Interface {
    Interface {
        noisy: "x".into(),
        timestep: Some(TimestepInput { name: "t".into(), integer: false }),
        label: Some(LabelInput { name: "y".into(), null: Some(3), classes: Some(3) }),
        output: "output".into(),
        channels: 1,
        height: 2,
        width: 2,
        output_channels: 1,
    }
}

fn samples(batch: usize, guidance: Option<f64>, noise: &Noise) -> (Samples, usize) {
    let process = Process::new(Schedule::Linear, 100, Predict::Epsilon, Variance::FixedSmall).unwrap();
    let request = Request {
        labels: vec![0, 1, 2, 0, 1],
        sampler: Sampler::Ancestral,
        respacing: Respacing::parse("4").unwrap(),
        clip: true,
        guidance: guidance.map(|scale| Guidance { scale, channels: None }),
    };
    let mut stub = Stub { batch, x: Vec::new(), labels: Vec::new(), runs: 0 };
    let mut seen = 0;
    let drawn = draw(&mut stub, &interface(), &process, &request, noise, &mut |p| seen = p.step).unwrap();
    assert_eq!(seen, 4);
    (drawn, stub.runs)
}

#[test]
fn a_sample_does_not_depend_on_the_batch() {
    let (one, runs) = samples(1, None, &Noise::Seed(5));
    assert_eq!(runs, 5 * 4);
    for batch in [2, 3, 5, 8] {
        assert_eq!(samples(batch, None, &Noise::Seed(5)).0, one, "batch {batch}");
    }
    assert_ne!(samples(1, None, &Noise::Seed(6)).0.data, one.data);
}

#[test]
fn guidance_runs_the_model_twice_and_pushes_away_from_the_null_label() {
    let (plain, _) = samples(5, None, &Noise::Seed(1));
    let (guided, runs) = samples(5, Some(4.0), &Noise::Seed(1));
    assert_eq!(runs, 8);
    assert_ne!(plain.data, guided.data);
}

#[test]
fn recorded_noise_replaces_ours() {
    let (length, count, steps) = (4, 5, 4);
    let mut initial = vec![0.0; count * length];
    Noise::Seed(9).initial(0, &mut initial, length);
    let mut noises = Vec::new();
    for done in 0..steps {
        let mut noise = vec![0.0; count * length];
        Noise::Seed(9).step(done, 0, &mut noise, length);
        noises.extend(noise);
    }
    let recorded = Noise::Recorded(RecordedNoise { samples: count, steps, initial, noises });
    assert_eq!(samples(2, None, &recorded).0, samples(5, None, &Noise::Seed(9)).0);
    assert_eq!(recorded.check(4, 4, 4).unwrap_err().code, Code::SampleNoise);
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let recipe = SampleRecipe { steps: Steps::Number(4), ..SampleRecipe::default() };
    let code =
        |recipe: &SampleRecipe, interface: &Interface| Request::new(recipe, interface).map_err(|p| p.code);
    let all = code(&recipe, &interface()).unwrap();
    assert_eq!(all.labels[..4], [0, 1, 2, 0]);
    let labelled = |labels: &str| SampleRecipe { labels: labels.parse().unwrap(), ..recipe.clone() };
    // 3 stands for no label: it is no class.
    for wrong in ["0,4", "-1", "3", "0,3"] {
        assert_eq!(code(&labelled(wrong), &interface()), Err(Code::SampleLabel), "{wrong}");
    }
    assert_eq!(code(&labelled("2,null"), &interface()).unwrap().labels[..3], [2, 3, 2]);
    let help = Request::new(&labelled("3"), &interface()).unwrap_err().help;
    assert_eq!(help, "the model has the labels 0 to 2; `null` draws without a label");
    assert_eq!(
        code(&SampleRecipe { steps: Steps::Number(0), ..recipe.clone() }, &interface()),
        Err(Code::SampleSteps)
    );
    let guided = SampleRecipe { guidance_scale: 2.0, ..recipe };
    let mut without_null = interface();
    without_null.label.as_mut().unwrap().null = None;
    assert_eq!(code(&guided, &without_null), Err(Code::SampleGuidance));
    let null = SampleRecipe { guidance_scale: 1.0, labels: "null".parse().unwrap(), ..guided.clone() };
    assert_eq!(code(&null, &without_null), Err(Code::SampleLabel));
    assert_eq!(code(&guided, &Interface { label: None, ..interface() }), Err(Code::SampleGuidance));
}

#[test]
fn every_kind_of_output_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (drawn, _) = samples(5, None, &Noise::Seed(5));
    for name in ["grid.png", "all.npz", "all.safetensors", "folder"] {
        write(&drawn, &folder.path().join(name)).unwrap();
    }
    assert_eq!(write(&drawn, &folder.path().join("x.gif")).unwrap_err().code, Code::SampleOutput);
    assert_eq!(std::fs::read_dir(folder.path().join("folder")).unwrap().count(), 5);
    let floats = crate::checkpoint::load_weights(&folder.path().join("all.safetensors")).unwrap();
    assert_eq!((&floats["samples"].data, &floats["samples"].shape), (&drawn.data, &vec![5, 1, 2, 2]));
    assert_eq!(floats["labels"].data, [0.0, 1.0, 2.0, 0.0, 1.0]);
    let recipe = crate::recipe::DataRecipe {
        kind: crate::recipe::DataKind::Npz,
        images: folder.path().join("all.npz"),
        labels: None,
        holdout: 0.0,
        on_error: crate::recipe::OnError::Stop,
    };
    let back = crate::data::open(&recipe, interface().wanted()).unwrap();
    assert_eq!(back.labels, Some(drawn.labels.clone()));
    let mut first = [0.0; 4];
    back.read(0, &mut first);
    for (a, b) in first.iter().zip(&drawn.data) {
        assert!((a - b).abs() <= 1.0 / 255.0 + 1e-6, "{a} {b}");
    }
}

/// The public DiT code guides three channels of four, and others do so with 32.
#[test]
fn guidance_is_of_all_channels_unless_fewer_are_asked_for() {
    let wide = Interface { channels: 4, height: 1, width: 1, output_channels: 4, ..interface() };
    let process = Process::new(Schedule::Linear, 100, Predict::Epsilon, Variance::FixedSmall).unwrap();
    let channel = |index: usize, guidance_scale: f64, guidance_channels: Option<usize>| {
        let steps = Steps::Number(4);
        let recipe =
            SampleRecipe { steps, count: 6, guidance_scale, guidance_channels, ..SampleRecipe::default() };
        let request = Request::new(&recipe, &wide).unwrap();
        let mut stub = Stub { batch: 6, x: Vec::new(), labels: Vec::new(), runs: 0 };
        let drawn = draw(&mut stub, &wide, &process, &request, &Noise::Seed(1), &mut |_| {}).unwrap();
        drawn.data.chunks(4).map(|sample| sample[index]).collect::<Vec<f32>>()
    };
    let plain = |index| channel(index, 1.0, None);
    for index in 0..4 {
        assert_ne!(channel(index, 3.0, None), plain(index), "channel {index} is guided");
    }
    assert_ne!(channel(2, 3.0, Some(3)), plain(2));
    assert_eq!(channel(3, 3.0, Some(3)), plain(3));
}
