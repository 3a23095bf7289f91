//! `archc new DIR`: a project that trains as it stands.

use crate::cli::{NewArgs, Output, Template};
use crate::failure::Failure;
use arch_runtime::error::{Code, Problem};
use std::path::Path;

const IMAGES: &[u8] = include_bytes!("../../examples/data/digits-images-idx3-ubyte");
const LABELS: &[u8] = include_bytes!("../../examples/data/digits-labels-idx1-ubyte");

/// The files of a template.
fn files(template: Template) -> [(&'static str, &'static [u8]); 3] {
    match template {
        Template::Dit => [
            ("backbone.arch", include_bytes!("../../templates/dit/backbone.arch")),
            ("recipe.toml", include_bytes!("../../templates/dit/recipe.toml")),
            ("README.md", include_bytes!("../../templates/dit/README.md")),
        ],
        Template::Mamba => [
            ("backbone.arch", include_bytes!("../../templates/mamba/backbone.arch")),
            ("recipe.toml", include_bytes!("../../templates/mamba/recipe.toml")),
            ("README.md", include_bytes!("../../templates/mamba/README.md")),
        ],
    }
}

/// Makes the folder. A folder with anything in it is left alone.
pub fn run(args: &NewArgs, output: &Output) -> Result<(), Failure> {
    let folder = &args.dir;
    let taken = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if taken || folder.is_file() {
        return Err(Problem::new(
            Code::File,
            format!("{} exists and is not empty", folder.display()),
            "choose another name; nothing was changed",
        )
        .into());
    }
    for (name, bytes) in files(args.template) {
        write(&folder.join(name), bytes)?;
    }
    write(&folder.join("data/digits-images-idx3-ubyte"), IMAGES)?;
    write(&folder.join("data/digits-labels-idx1-ubyte"), LABELS)?;
    if output.json {
        println!("{}", serde_json::json!({ "created": folder }));
    } else if !output.quiet {
        eprintln!("created {}", folder.display());
        eprintln!("  cd {}", folder.display());
        eprintln!("  archc check backbone.arch");
        eprintln!("  archc train recipe.toml");
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Problem::io("make the folder", parent, &e))?;
    }
    std::fs::write(path, bytes).map_err(|e| Problem::io("write", path, &e))?;
    Ok(())
}
