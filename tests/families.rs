//! Every family trains from its recipe: a few steps of each, and the loss falls. Whole runs are measured by
//! `bench/families`.

mod common;

use common::{command, folder, root, run};

/// Forty steps of a recipe; the mean of the last ten losses against that of the first three.
fn check(name: &str) {
    let base = folder();
    let dir = base.path().join("run");
    // On one thread: tests run beside each other.
    let mut train = command(
        "train --threads 1 --quiet --set train.steps=40 --set train.batch=16 --set train.warmup=5 \
         --set train.log_every=1 --set train.sample_every=0 --set train.checkpoint_every=0",
    );
    train.arg(root().join(format!("examples/digits-{name}.toml"))).arg("--run").arg(&dir);
    run(&mut train).fine();
    let metrics = std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    let steps: Vec<serde_json::Value> = metrics.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let losses: Vec<f64> = steps.iter().map(|s| s["loss"].as_f64().unwrap()).collect();
    assert_eq!(losses.len(), 40);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&losses[..3]), mean(&losses[30..]));
    assert!(last < 0.9 * first, "{name}: the loss went from {first} to {last}");
    let held_out = steps[39]["validation_loss"].as_f64().expect("the last step has a validation loss");
    assert!(held_out < first, "{name}: the validation loss is {held_out}");
}

macro_rules! families {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)) })*

        #[test]
        fn every_recipe_is_here() {
            let mut found: Vec<String> = std::fs::read_dir(root().join("examples"))
                .unwrap()
                .filter_map(|e| e.unwrap().file_name().into_string().ok())
                .filter_map(|n| Some(n.strip_prefix("digits-")?.strip_suffix(".toml")?.to_string()))
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),*]);
        }
    };
}

families!(diffussm dis dit mamba sit unet uvit zigma);
