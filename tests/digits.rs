//! Training learns: the examples, smaller and shorter than as they stand, draw digits that their nearest real
//! neighbours name as asked.

mod common;

use common::{command, folder, root, run};

/// What a short run must reach. Untrained, one digit in ten is named as asked. Measured over several seeds the
/// accuracy is 0.99 or more; the bars leave room for CPUs that round otherwise.
struct Bars {
    accuracy: f64,
    validation_loss: f64,
}

fn check(recipe: &str, words: &str, bars: &Bars) {
    let base = folder();
    let dir = base.path().join("run");
    // On one thread: models this small gain nothing from more, and tests run beside each other.
    let mut train = command(&format!(
        "train --threads 1 --json --quiet {words} --set train.sample_every=0 --set train.checkpoint_every=0 \
         --set model.set.depth=2 --set model.set.hidden_size=64 --set model.set.patch_size=4"
    ));
    train.arg(root().join("examples").join(recipe)).arg("--run").arg(&dir);
    let said = run(&mut train).fine().json();
    assert_eq!(said["finished"], true);
    let loss = said["validation_loss"].as_f64().unwrap();
    assert!(loss < bars.validation_loss, "{recipe}: a validation loss of {loss}");
    let mut eval = command("eval --threads 1 --json --steps 25 --guidance-scale 3 --count 100 --seed 1");
    eval.arg(dir.join("checkpoints/last.safetensors"));
    let quality = run(&mut eval).fine().json();
    assert_eq!(quality["samples"], 100);
    let accuracy = quality["accuracy"].as_f64().unwrap();
    assert!(accuracy >= bars.accuracy, "{recipe}: {accuracy} of the digits are named as asked");
    // Neither copies of the data nor far from them, and not all of a class alike.
    let distance = quality["distance_ratio"].as_f64().unwrap();
    assert!((0.5..1.8).contains(&distance), "{recipe}: {distance} of the distance among real digits");
    for (class, ratio) in quality["deviation_ratios"].as_object().unwrap() {
        let ratio = ratio.as_f64().unwrap();
        assert!((0.25..2.0).contains(&ratio), "{recipe}: class {class} deviates by {ratio} of the real");
    }
}

#[test]
fn a_small_transformer_learns_to_draw_digits() {
    let bars = Bars { accuracy: 0.9, validation_loss: 0.4 };
    check("digits-dit.toml", "--set train.steps=600 --set train.learning_rate=4e-3", &bars);
}

#[test]
fn a_small_state_space_model_learns_to_draw_digits() {
    let bars = Bars { accuracy: 0.85, validation_loss: 0.42 };
    check("digits-mamba.toml", "--set train.steps=500 --set train.learning_rate=6e-3", &bars);
}
