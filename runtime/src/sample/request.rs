//! What is to be sampled.

use crate::diffusion::{Guidance, Respacing, Sampler};
use crate::error::{Code, Problem};
use crate::interface::{Interface, LabelInput};
use crate::recipe::{Label, Labels, SampleRecipe, SamplerKind};

/// What is to be sampled and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// One label per sample; zeros for models without labels.
    pub labels: Vec<i32>,
    /// The sampler.
    pub sampler: Sampler,
    /// Which timesteps are visited.
    pub respacing: Respacing,
    /// Whether the predicted clean sample is kept within [-1, 1].
    pub clip: bool,
    /// Guidance, if its scale is not 1.
    pub guidance: Option<Guidance>,
}

impl Request {
    /// The request of a recipe's `[sample]`, with command line overrides already in it.
    ///
    /// # Errors
    /// If steps, labels or guidance cannot be had with this model.
    pub fn new(recipe: &SampleRecipe, interface: &Interface) -> Result<Self, Problem> {
        let request = Request {
            labels: labels_for(&recipe.labels, recipe.count, interface)?,
            sampler: match recipe.sampler {
                SamplerKind::Ddpm => Sampler::Ancestral,
                SamplerKind::Ddim => Sampler::Ddim { eta: recipe.eta },
            },
            respacing: recipe.steps.respacing()?,
            clip: recipe.clip,
            guidance: (recipe.guidance_scale != 1.0)
                .then_some(Guidance { scale: recipe.guidance_scale, channels: recipe.guidance_channels }),
        };
        request.check(interface)?;
        Ok(request)
    }

    /// Checks the request against a model.
    ///
    /// # Errors
    /// If guidance has no null label to push away from, or is for channels that are not there.
    pub fn check(&self, interface: &Interface) -> Result<(), Problem> {
        let Some(input) = &interface.label else {
            return match self.guidance {
                Some(_) => Err(Problem::new(
                    Code::SampleGuidance,
                    "the model takes no labels, so there is nothing to be guided towards",
                    "leave out the guidance scale",
                )),
                None => Ok(()),
            };
        };
        if self.guidance.is_some() && input.null.is_none() {
            return Err(Problem::new(
                Code::SampleGuidance,
                format!(
                    "guidance needs a label that stands for none, but `{}` has no such label",
                    input.name
                ),
                "train with some labels dropped (`class_dropout_prob` above 0 in the zoo), or, if the model has a row \
                 for it, declare it (`y: [] int null num_classes`) or set `train.null_label` in the recipe",
            ));
        }
        match self.guidance.and_then(|g| g.channels) {
            Some(channels) if !(1..=interface.output_channels).contains(&channels) => Err(Problem::new(
                Code::SampleGuidance,
                format!(
                    "{channels} channels are to be guided, but the model gives {}",
                    interface.output_channels
                ),
                "`guidance_channels` is from 1 to what the model gives; left out, all of the prediction are guided",
            )),
            _ => Ok(()),
        }
    }
}

/// One label per sample: those that are wanted in turn, `count` in all.
///
/// # Errors
/// If a label is none of the model's classes, if `null` is wanted of a model that has no such label, if all
/// are wanted of a model whose classes are not known, or none are wanted.
pub fn labels_for(labels: &Labels, count: usize, interface: &Interface) -> Result<Vec<i32>, Problem> {
    let wanted: Vec<i32> = match (labels, &interface.label) {
        (_, None) => vec![0],
        (Labels::Some(labels), Some(input)) => {
            labels.iter().map(|label| number(*label, input)).collect::<Result<_, _>>()?
        }
        (Labels::All, Some(input)) => match input.classes {
            Some(classes) => (0..classes as i32).filter(|c| Some(*c) != input.null).collect(),
            None => Vec::new(),
        },
    };
    if wanted.is_empty() {
        return Err(Problem::new(
            Code::SampleLabel,
            "it is not known which labels to sample",
            "name them: `--labels 0,1,2`, or `labels = [0, 1, 2]` in the recipe's [sample]",
        ));
    }
    Ok((0..count).map(|k| wanted[k % wanted.len()]).collect())
}

/// What the model is given for a label. The number that stands for no label is no class: it is asked for by
/// its word, so that nobody draws it by counting one too far.
fn number(label: Label, input: &LabelInput) -> Result<i32, Problem> {
    match (label, input.null) {
        (Label::Null, Some(null)) => Ok(null),
        (Label::Null, None) => Err(Problem::new(
            Code::SampleLabel,
            format!("`{}` has no label that stands for none", input.name),
            "name classes, or declare one (`y: [] int null num_classes`) or set `train.null_label` in the recipe",
        )),
        (Label::Class(class), null) => {
            if null != Some(class) && input.has(class) {
                return Ok(class);
            }
            let last = input.classes.unwrap_or(i32::MAX as usize).saturating_sub(1);
            let unconditional = if null.is_some() { "; `null` draws without a label" } else { "" };
            Err(Problem::new(
                Code::SampleLabel,
                format!("there is no label {class}"),
                format!("the model has the labels 0 to {last}{unconditional}"),
            ))
        }
    }
}
