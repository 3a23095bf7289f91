//! `archc explain CODE`

use crate::cli::{ExplainArgs, Output};
use crate::failure::Failure;
use arch_runtime::error::Code;

/// Prints the page of a code, or the list of all codes.
pub fn run(args: &ExplainArgs, output: &Output) -> Result<(), Failure> {
    let mut pages: Vec<(String, String)> =
        arch_compiler::codes::all().iter().map(|(c, t)| ((*c).to_string(), (*t).to_string())).collect();
    pages.extend(Code::ALL.iter().map(|c| (c.text().to_string(), page(*c))));
    let Some(wanted) = &args.code else {
        for (code, text) in &pages {
            let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
            if output.json {
                println!("{}", serde_json::json!({ "code": code, "title": title }));
            } else {
                println!("{title}");
            }
        }
        return Ok(());
    };
    let wanted = wanted.to_uppercase();
    match pages.iter().find(|(c, _)| *c == wanted) {
        Some((code, text)) if output.json => {
            println!("{}", serde_json::json!({ "code": code, "text": text }))
        }
        Some((_, text)) => print!("{text}"),
        None => {
            let near = arch_grammar::nearest(&wanted, pages.iter().map(|(c, _)| c.as_str()));
            let near = near.map_or_else(String::new, |n| format!("; the nearest is {n}"));
            return Err(Failure::Misuse(format!(
                "there is no code {wanted}{near}; `archc explain` lists all"
            )));
        }
    }
    Ok(())
}

/// What recipes may hold.
const RECIPES: &str = include_str!("../../docs/recipe.md");

/// The page of a code of the runtime.
fn page(code: Code) -> String {
    let title = format!("# {}: {}\n", code.text(), code.meaning());
    match code {
        Code::RecipeSyntax | Code::RecipeKey | Code::RecipeValue | Code::RecipeSetting => {
            format!("{title}\n{RECIPES}")
        }
        _ => title,
    }
}
