//! `archc eval CHECKPOINT`: samples held against the data that the model was trained on.

use crate::cli::{EvalArgs, Output};
use crate::commands::sample::{self, Drawn};
use crate::failure::Failure;
use arch_runtime::data;
use arch_runtime::quality::measure;

/// Draws samples and measures them.
pub fn run(args: &EvalArgs, output: &Output) -> Result<(), Failure> {
    let Drawn { samples, recipe, warnings } = sample::draw(&args.sample, None, output)?;
    let wanted = data::Wanted {
        channels: samples.channels,
        height: samples.height,
        width: samples.width,
        classes: None,
    };
    let real = data::open(&recipe.data, wanted)?;
    let quality = measure(&samples, &real)?;
    if output.json {
        let object = serde_json::json!({
            "samples": quality.samples, "accuracy": quality.accuracy,
            "deviation_ratios": quality.deviation_ratios.iter().map(|(c, r)| (c.to_string(), *r)).collect::<std::collections::BTreeMap<_, _>>(),
            "distance_ratio": quality.distance_ratio,
            "guidance_scale": recipe.sample.guidance_scale, "seed": recipe.sample.seed,
            "diagnostics": warnings,
        });
        println!("{object}");
        return Ok(());
    }
    println!("samples                                     {}", quality.samples);
    println!("named as asked by 3 nearest real neighbours {:.1} %", 100.0 * quality.accuracy);
    println!(
        "distance to the nearest real image          {:.2} of that among real images",
        quality.distance_ratio
    );
    if !quality.deviation_ratios.is_empty() {
        println!("deviation within each class, of the real:");
    }
    for (class, ratio) in &quality.deviation_ratios {
        println!("  {class:>3}  {ratio:.2}");
    }
    Ok(())
}
