//! Reading a recipe, with the place of whatever is wrong.

use super::{Recipe, keys};
use crate::error::{Code, Problem};
use std::path::Path;
use toml::de::DeTable;

/// Reads a recipe file. Overrides are `section.key=value`, as after `--set`. Paths in the result are
/// absolute.
///
/// # Errors
/// If the file cannot be read, is not TOML, or has an unknown key or an unusable value.
pub fn load(path: &Path, overrides: &[String]) -> Result<Recipe, Problem> {
    let text = std::fs::read_to_string(path).map_err(|e| Problem::io("read the recipe", path, &e))?;
    if path.extension().is_some_and(|e| e == "arch") {
        return Err(Problem::new(
            Code::RecipeSyntax,
            format!("{} is an architecture, and a recipe is wanted", path.display()),
            "a recipe is a TOML file that names the architecture: `[model]`, `file = \"backbone.arch\"`; `archc new \
             DIR` makes one",
        ));
    }
    let mut recipe = parse(&text, &path.display().to_string(), overrides)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let absolute = |file: &Path| {
        let joined = folder.join(file);
        std::path::absolute(&joined).unwrap_or(joined)
    };
    recipe.model.file = absolute(&recipe.model.file);
    recipe.data.images = absolute(&recipe.data.images);
    recipe.data.labels = recipe.data.labels.as_deref().map(absolute);
    Ok(recipe)
}

/// Reads a recipe from text; `name` is what messages call it.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, name: &str, overrides: &[String]) -> Result<Recipe, Problem> {
    let place = |offset: usize| {
        let before = &text[..offset.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        format!("{name}:{line}:{column}")
    };
    let located = |error: &toml::de::Error, code: Code, help: &str| {
        let place = error.span().map_or_else(|| name.to_string(), |span| place(span.start));
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        Problem::new(code, format!("{place}: {message}"), help)
    };
    let tree = DeTable::parse(text)
        .map_err(|e| located(&e, Code::RecipeSyntax, "recipes are TOML 1.0: see https://toml.io"))?;
    keys::check(tree.get_ref(), &place)?;

    let mut table: toml::Table = toml::from_str(text)
        .map_err(|e| located(&e, Code::RecipeSyntax, "recipes are TOML 1.0: see https://toml.io"))?;
    for setting in overrides {
        apply(&mut table, setting)?;
    }
    let recipe = Recipe::deserialize_table(table).map_err(|error| {
        // The table has no places. If the text alone has the same fault, its place is known.
        let value_help = "`archc explain R0103` lists the keys of a recipe and what they may be";
        match toml::from_str::<Recipe>(text) {
            Err(in_text) if in_text.message() == error.message() => {
                located(&in_text, Code::RecipeValue, value_help)
            }
            _ => {
                let guilty = guilty(text, overrides, error.message());
                let place = guilty.map_or_else(|| name.to_string(), |s| format!("--set {s}"));
                Problem::new(Code::RecipeValue, format!("{place}: {}", error.message().trim()), value_help)
            }
        }
    })?;
    check_ranges(&recipe)?;
    Ok(recipe)
}

/// The override that alone has a fault.
fn guilty<'o>(text: &str, overrides: &'o [String], fault: &str) -> Option<&'o str> {
    let faulty = |setting: &&String| {
        let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
        apply(&mut table, setting).is_ok()
            && Recipe::deserialize_table(table).is_err_and(|e| e.message() == fault)
    };
    overrides.iter().find(faulty).map(String::as_str)
}

impl Recipe {
    fn deserialize_table(table: toml::Table) -> Result<Recipe, toml::de::Error> {
        table.try_into()
    }

    /// The recipe as TOML, with every default written out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// Puts one `section.key=value` into the table. What is not a TOML value is a text.
fn apply(table: &mut toml::Table, setting: &str) -> Result<(), Problem> {
    let malformed = || {
        Problem::new(
            Code::RecipeSetting,
            format!("`--set {setting}` is not `section.key=value`"),
            "for instance `--set train.steps=200` or `--set model.set.depth=4`",
        )
    };
    let (path, value) = setting.split_once('=').ok_or_else(malformed)?;
    let parts: Vec<&str> = path.trim().split('.').collect();
    let (section, key) = match parts.as_slice() {
        [section, key] => (*section, *key),
        ["model", "set", _] => ("model", "set"),
        _ => return Err(malformed()),
    };
    let place = format!("--set {setting}");
    let Some((_, keys)) = keys::SECTIONS.iter().find(|s| s.0 == section) else {
        return Err(keys::unknown(section, None, &place));
    };
    if !keys.contains(&key) {
        return Err(keys::unknown(key, Some(section), &place));
    }
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_string()));
    let mut target = table;
    for part in &parts[..parts.len() - 1] {
        let entry = target.entry(*part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        target = entry.as_table_mut().ok_or_else(malformed)?;
    }
    target.insert(parts[parts.len() - 1].to_string(), value);
    Ok(())
}

/// More samples than this are a slip of the finger: what they ask for fits into no machine.
pub const MOST_SAMPLES: usize = 1_000_000;

/// Checks the numbers whose types allow more than their meanings.
fn check_ranges(recipe: &Recipe) -> Result<(), Problem> {
    let t = &recipe.train;
    let unit = |x: f64| (0.0..1.0).contains(&x);
    let checks = [
        (unit(recipe.data.holdout), "data.holdout", recipe.data.holdout, "at least 0 and below 1"),
        ((1..=MOST_SAMPLES).contains(&t.batch), "train.batch", t.batch as f64, "from 1 to 1000000"),
        (t.accumulate > 0, "train.accumulate", t.accumulate as f64, "at least 1"),
        ((1..=u64::from(u32::MAX)).contains(&t.steps), "train.steps", t.steps as f64, "from 1 to 4294967295"),
        (t.log_every > 0, "train.log_every", t.log_every as f64, "at least 1"),
        (
            t.learning_rate.is_finite() && t.learning_rate >= 0.0,
            "train.learning_rate",
            t.learning_rate,
            "0 or more",
        ),
        (t.weight_decay >= 0.0, "train.weight_decay", t.weight_decay, "0 or more"),
        (unit(t.betas.0), "train.betas", t.betas.0, "at least 0 and below 1"),
        (unit(t.betas.1), "train.betas", t.betas.1, "at least 0 and below 1"),
        (t.eps > 0.0, "train.eps", t.eps, "above 0"),
        ((0.0..=1.0).contains(&t.ema_decay), "train.ema_decay", t.ema_decay, "from 0 to 1"),
        (
            t.clip_grad_norm.is_none_or(|c| c > 0.0),
            "train.clip_grad_norm",
            t.clip_grad_norm.unwrap_or(0.0),
            "above 0",
        ),
        (recipe.diffusion.timesteps > 0, "diffusion.timesteps", 0.0, "at least 1"),
        (recipe.sample.eta >= 0.0, "sample.eta", recipe.sample.eta, "0 or more"),
        (
            (1..=MOST_SAMPLES).contains(&recipe.sample.count),
            "sample.count",
            recipe.sample.count as f64,
            "from 1 to 1000000",
        ),
    ];
    match checks.into_iter().find(|c| !c.0) {
        None => Ok(()),
        Some((_, key, value, wanted)) => Err(Problem::new(
            Code::RecipeValue,
            format!("`{key}` is {value}"),
            format!("it must be {wanted}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{SECTIONS, Steps};
    use arch_compiler::memory::Memory;

    const SMALL: &str = "[model]\nfile = \"dit.arch\"\n[data]\nkind = \"idx\"\nimages = \"images\"\n";

    fn problem(text: &str, overrides: &[&str]) -> Problem {
        let overrides: Vec<String> = overrides.iter().map(|s| (*s).to_string()).collect();
        parse(text, "r.toml", &overrides).unwrap_err()
    }

    #[test]
    fn unknown_keys_are_named_with_place_and_nearest_name() {
        let p = problem(&format!("{SMALL}[train]\nlearnig_rate = 1e-3\n"), &[]);
        assert_eq!(p.code, Code::RecipeKey);
        assert_eq!(p.message, "r.toml:7:1: [train] has no `learnig_rate`");
        assert_eq!(p.help, "did you mean `learning_rate`?");
        let p = problem(&format!("{SMALL}[sampling]\n"), &[]);
        assert_eq!(
            (p.message.as_str(), p.help.as_str()),
            ("r.toml:6:2: a recipe has no `sampling`", "did you mean `sample`?")
        );
        assert_eq!(
            problem(&format!("{SMALL}[sample]\nbatch = 3\n"), &[]).help,
            "`batch` belongs into [train]"
        );
    }

    #[test]
    fn wrong_types_are_named_with_their_place() {
        let p = problem(&format!("{SMALL}[train]\nsteps = \"many\"\n"), &[]);
        assert_eq!(p.code, Code::RecipeValue);
        assert!(p.message.starts_with("r.toml:7:9: invalid type: string \"many\""), "{}", p.message);
        let p = problem(&format!("{SMALL}[sample]\nsteps = 0\n"), &[]);
        assert!(p.message.contains("at least 1"), "{}", p.message);
        assert_eq!(problem("[model\n", &[]).code, Code::RecipeSyntax);
        assert_eq!(
            problem(&format!("{SMALL}holdout = 1.5\n"), &[]).help,
            "it must be at least 0 and below 1"
        );
    }

    #[test]
    fn settings_override_and_are_checked_the_same() {
        let overrides = ["train.steps=7", "model.set.depth=3", "sample.steps=ddim20", "data.kind=folder"];
        let recipe = parse(SMALL, "r.toml", &overrides.map(String::from)).unwrap();
        assert_eq!(recipe.train.steps, 7);
        assert_eq!(recipe.model.settings(), [("depth".to_string(), "3".to_string())]);
        assert_eq!(recipe.sample.steps, Steps::Text("ddim20".into()));
        assert_eq!(problem(SMALL, &["train.step=7"]).help, "did you mean `steps`?");
        assert_eq!(problem(SMALL, &["train.steps"]).code, Code::RecipeSetting);
        assert!(problem(SMALL, &["train.steps=soon"]).message.contains("--set"));
    }

    #[test]
    fn memory_is_one_of_three_words() {
        for memory in Memory::ALL {
            let recipe = parse(SMALL, "r.toml", &[format!("train.memory={}", memory.word())]).unwrap();
            assert_eq!(recipe.train.memory, memory);
            assert!(recipe.to_toml().contains(&format!("memory = \"{}\"", memory.word())));
        }
        let p = problem(&format!("{SMALL}[train]\nmemory = \"tiny\"\n"), &[]);
        assert_eq!(p.code, Code::RecipeValue);
        for part in ["r.toml:7:10", "tiny", "fast", "balanced", "small"] {
            assert!(format!("{} {}", p.message, p.help).contains(part), "{part}: {} {}", p.message, p.help);
        }
    }

    /// Every key with its default, as `docs/recipe.md` has them.
    #[test]
    fn the_page_of_recipes_has_every_key_and_its_default() {
        let page = include_str!("../../../docs/recipe.md");
        let recipe = parse(SMALL, "r.toml", &[]).unwrap();
        let defaults: toml::Table = toml::from_str(&recipe.to_toml()).unwrap();
        let mut left = page;
        for (section, keys) in SECTIONS {
            left = left.split_once(&format!("## [{section}]")).expect(section).1;
            let table = left.split("## ").next().unwrap_or_default();
            let rows: Vec<Vec<&str>> = table
                .lines()
                .filter(|l| l.starts_with("| `"))
                .map(|l| l.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
                .collect();
            assert_eq!(rows.iter().map(|r| r[1]).collect::<Vec<_>>(), *keys, "[{section}]");
            for row in rows {
                let own = ["file", "kind", "images"].contains(&row[1]);
                let wanted = defaults[section].get(row[1]).filter(|_| !own);
                let said = format!("v = {}", row[2]).parse::<toml::Table>().ok();
                assert_eq!(said.as_ref().map(|t| &t["v"]), wanted, "[{section}] {}", row[1]);
            }
        }
    }

    #[test]
    fn a_resolved_recipe_reads_back_the_same_and_has_every_key() {
        let mut recipe = parse(SMALL, "r.toml", &[]).unwrap();
        recipe.train.clip_grad_norm = Some(1.0);
        recipe.train.null_label = Some(3);
        recipe.sample.guidance_channels = Some(3);
        recipe.model.item = Some("DiT".into());
        recipe.model.preset = Some("S".into());
        recipe.model.set.insert("depth".into(), toml::Value::Integer(2));
        recipe.data.labels = Some("labels".into());
        let text = recipe.to_toml();
        assert_eq!(parse(&text, "again", &[]).unwrap(), recipe);
        let table: toml::Table = toml::from_str(&text).unwrap();
        for (section, keys) in SECTIONS {
            let written = table[section].as_table().unwrap();
            assert!(keys.iter().all(|k| written.contains_key(*k)), "[{section}] {written:?}");
            assert_eq!(written.len(), keys.len(), "[{section}]");
        }
    }
}
