//! The configuration that the command line names, read: a Plan, or all that is wrong with it.

use std::env;
use std::path::Path;

use tandem_lb_config::{self as config, Loaded, Plan};
use tandem_text::Renderer;

use crate::args::{Args, Dialect};
use crate::files::{self, FilesError};
use crate::outside::Outside;

pub(crate) struct Configuration {
    /// There is one exactly when no complaint is an error.
    pub(crate) plan: Option<Plan>,
    pub(crate) complaints: Vec<Complaint>,
}

/// A diagnostic as a person reads it.
pub(crate) struct Complaint {
    pub(crate) is_error: bool,
    pub(crate) text: String,
    /// The same without colours, to be kept.
    pub(crate) plain: String,
}

impl Configuration {
    pub(crate) fn read(args: &Args, colour: bool, outside: &Outside) -> Result<Configuration, FilesError> {
        let texts = files::read(&args.files, outside)?;
        let dialect = args.dialect.map(|d| match d {
            Dialect::Haproxy => config::Dialect::Haproxy,
            Dialect::Toml => config::Dialect::Toml,
        });
        let variable = |name: &str| env::var(name).ok();
        let file = |path: &str| outside.read(Path::new(path)).map_err(|why| why.to_string());
        let world = config::World::new(&variable, &file);
        let Loaded {
            plan,
            diagnostics,
            sources,
        } = config::load_in(&texts, world, dialect);
        let renderer = Renderer::new(&sources).colour(colour);
        let without = Renderer::new(&sources).colour(false);
        let complaints = diagnostics.iter().map(|diagnostic| Complaint {
            is_error: diagnostic.is_error(),
            text: renderer.render(diagnostic),
            plain: without.render(diagnostic),
        });
        Ok(Configuration {
            plan,
            complaints: complaints.collect(),
        })
    }
}
