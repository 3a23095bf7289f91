//! Recipes with wrong keys, wrong types and wrong numbers.

use super::{QUICK, train};
use crate::common::folder;
use crate::common::recipes::{TINY, digits};

/// Trains by a recipe with other sections and gives what was said.
fn with(sections: &str, words: &str, parts: &[&str]) {
    let base = folder();
    digits(base.path(), TINY, sections);
    train(base.path(), words).fails(1, parts);
    assert!(!base.path().join("run").exists(), "a recipe that is wrong makes no run");
}

#[test]
fn unknown_keys_are_named_with_their_place_and_the_nearest() {
    with("[train]\nstesp = 3\n", "", &["error[R0102]", "recipe.toml:11:1", "stesp", "`steps`"]);
    with("[trian]\nsteps = 3\n", "", &["error[R0102]", "recipe.toml:10:", "trian", "`train`"]);
    with("[sample]\nbatch = 3\n", "", &["error[R0102]", "batch", "[train]"]);
    with(QUICK, "--set train.stesp=3", &["error[R0102]", "--set train.stesp=3", "`steps`"]);
}

#[test]
fn wrong_types_are_named_with_their_place() {
    with("[train]\nsteps = \"many\"\n", "", &["error[R0103]", "recipe.toml:11:9", "many", "help: "]);
    with("[train]\nbatch = -4\n", "", &["error[R0103]", "recipe.toml:11:9", "-4"]);
    with("[diffusion]\nschedule = \"cosin\"\n", "", &["error[R0103]", "recipe.toml:11:", "cosin", "cosine"]);
    let words = ["error[R0103]", "recipe.toml:11:10", "tiny", "`fast`, `balanced`, `small`"];
    with("[train]\nmemory = \"tiny\"\n", "", &words);
    let both = "--set train.batch=2 --set train.steps=many";
    with(QUICK, both, &["error[R0103]: --set train.steps=many:", "help: "]);
    with("[train\nsteps = 1\n", "", &["error[R0101]", "recipe.toml:10:", "help: "]);
}

#[test]
fn numbers_out_of_range_are_said() {
    with("[train]\nbatch = 0\n", "", &["error[R0103]", "train.batch", "0", "from 1"]);
    with("[train]\nsteps = 0\n", "", &["error[R0103]", "train.steps", "0", "from 1"]);
    with("[train]\nema_decay = 1.5\n", "", &["error[R0103]", "train.ema_decay", "1.5", "from 0 to 1"]);
    with("[train]\nlearning_rate = nan\n", "", &["error[R0103]", "train.learning_rate"]);
    with("[diffusion]\ntimesteps = 0\n", "", &["error[R0103]", "diffusion.timesteps", "at least 1"]);
}

#[test]
fn settings_that_are_no_settings() {
    with(QUICK, "--set steps", &["error[R0104]", "`--set steps`", "section.key=value"]);
    with(QUICK, "--set steps=3", &["error[R0104]", "steps=3", "train.steps"]);
    with(QUICK, "--set model.set.hiden_size=8", &["error[A", "hiden_size", "hidden_size"]);
    with(QUICK, "--set model.item=DIT", &["error[A", "DIT", "DiT"]);
    with(QUICK, "--set model.preset=XXL", &["error[A", "XXL", "XL"]);
}

#[test]
fn samples_that_cannot_be_drawn_are_found_before_training() {
    let parts = ["error[R0601]", "label 12", "0 to 9"];
    with(QUICK, "--set train.sample_every=2 --set sample.labels=[3,12]", &parts);
    with(QUICK, "--set train.sample_every=2 --set sample.steps=51", &["error[R", "51", "50"]);
}

#[test]
fn a_loss_that_the_model_has_no_channels_for() {
    let base = folder();
    digits(base.path(), &format!("{TINY}, learn_sigma = false"), QUICK);
    train(base.path(), "").fails(1, &["error[R0303]", "reads 2", "fixed_small", "learn_sigma"]);
    assert!(!base.path().join("run").exists());
}
