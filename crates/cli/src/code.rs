//! `tandem check --explain CODE`: what a kind of complaint means.

use std::io::Write;
use std::process::ExitCode;

use tandem_lb_config as balancer;
use tandem_text::{Explained, nearest};
use tandem_vrrp_config as router;

fn all() -> impl Iterator<Item = &'static Explained> {
    let balancer = balancer::code::EXPLAINED.iter();
    let router = router::code::EXPLAINED.iter();
    let broker = tandem_mq_convert::code::EXPLAINED.iter();
    balancer.chain(router).chain(broker).chain(tandem_text::EXPLAINED)
}

/// Says it, or which code was perhaps meant.
pub fn explain(code: &str) -> anyhow::Result<ExitCode> {
    let wanted = code.to_ascii_uppercase();
    let Some(found) = all().find(|explained| explained.code.0 == wanted) else {
        let near = nearest(&wanted, all().map(|explained| explained.code.0));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        anyhow::bail!("there is no code {code}{near}");
    };
    write!(std::io::stdout().lock(), "{}", text(found))?;
    Ok(ExitCode::SUCCESS)
}

fn text(explained: &Explained) -> String {
    let Explained {
        code,
        means,
        matters,
        wrong,
        right,
    } = explained;
    let mut text = format!("{code}: {means}\n\n{matters}\n");
    if !wrong.is_empty() {
        text.push_str(&format!(
            "\nwrong:\n\n{}\nright:\n\n{}",
            indented(wrong),
            indented(right)
        ));
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let mut page =
            "# What the complaints mean\n\nEach has a code that keeps its meaning: `LB` is about a balancer's \
                        file, `VR` about a router's, `MQ` about a broker's, `TX` about text. `tandem check --explain CODE` says the same.\n"
                .to_owned();
        for explained in all() {
            let Explained {
                code,
                means,
                matters,
                wrong,
                right,
            } = explained;
            page.push_str(&format!("\n## {code}\n\n{means}\n\n{matters}\n"));
            for (title, example) in [("Wrong", wrong), ("Right", right)] {
                if !example.is_empty() {
                    let example = indented(example);
                    page.push_str(&format!("\n{title}:\n\n{example}"));
                }
            }
        }
        page
    }

    #[test]
    fn the_page_says_what_the_tables_say() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/codes.md");
        if std::env::var_os("TANDEM_RECORD").is_some() {
            std::fs::write(&path, page()).expect("a checkout is writable");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == page(),
            "record it again: TANDEM_RECORD=1 cargo test -p tandem-cli code"
        );
    }

    #[test]
    fn codes_are_not_used_twice() {
        let mut codes: Vec<&str> = all().map(|explained| explained.code.0).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
