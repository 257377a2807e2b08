//! The elements of a document. The parser expands no entities, opens nothing and is asked to refuse a document type; how
//! deep and how large a document may be is looked at before it begins, because it goes down as deep as the document does.
//!
//! A `<bean>` of Spring is an element that is called as its class, and its properties are settings like attributes.

mod pieces;

use roxmltree::{Document, Node, ParsingOptions};
use tandem_text::SourceMap;

use pieces::Checked;

/// What a file says in one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Whose kind it is, where many names mean the same.
    pub(crate) family: Option<&'static str>,
    pub(crate) line: usize,
    pub(crate) settings: Vec<Setting>,
    pub(crate) children: Vec<Element>,
    /// Without blanks around it.
    pub(crate) text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: usize,
    /// It is written as an element, `<name>value</name>`.
    pub(crate) is_child: bool,
    /// Its line has a `&` that is none of XML.
    pub(crate) has_bare_ampersand: bool,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) what: String,
    pub(crate) help: &'static str,
}

impl Element {
    /// What an attribute, a property or a child of that name says.
    pub(crate) fn says(&self, name: &str) -> Option<&str> {
        let setting = self.settings.iter().find(|setting| setting.name == name);
        let child = || self.children.iter().find(|child| child.name == name);
        setting
            .map(|setting| setting.value.as_str())
            .or_else(|| child().map(|child| child.text.as_str()))
    }

    /// Whether this or anything in it is called so.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.name == name || self.children.iter().any(|child| child.has(name))
    }

    /// It is a value, and no more.
    pub(crate) fn is_leaf(&self) -> bool {
        self.settings.is_empty() && self.children.is_empty()
    }
}

pub(crate) fn read(bytes: &[u8]) -> Result<Element, Mistake> {
    let text = std::str::from_utf8(bytes).map_err(|error| Mistake {
        line: bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1,
        column: 1,
        what: "this is no UTF-8".to_owned(),
        help: "write it as UTF-8: iconv -f GB18030 -t UTF-8 (or whatever it is written in)",
    })?;
    let checked = pieces::check(text.trim_start_matches('\u{feff}'))?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: pieces::MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&checked.text, options).map_err(|error| Mistake {
        line: usize::try_from(error.pos().row).unwrap_or(1),
        column: usize::try_from(error.pos().col).unwrap_or(1),
        what: format!("this is no XML: {error}"),
        help: "the broker would not read it either",
    })?;
    let mut lines = SourceMap::default();
    let file = lines.add("", checked.text.as_bytes());
    let line_of = |at: usize| lines.source(file).map_or(1, |source| source.line_of(at));
    let reading = Reading {
        line_of: &line_of,
        checked: &checked,
    };
    Ok(reading.element(document.root_element()))
}

struct Reading<'a> {
    line_of: &'a dyn Fn(usize) -> usize,
    checked: &'a Checked<'a>,
}

/// What Spring says about a bean, which is nothing about what it does.
const OF_SPRING: [&str; 17] = [
    "id",
    "class",
    "init-method",
    "destroy-method",
    "depends-on",
    "lazy-init",
    "parent",
    "abstract",
    "scope",
    "primary",
    "autowire",
    "singleton",
    "factory-bean",
    "factory-method",
    "default-lazy-init",
    "default-init-method",
    "default-destroy-method",
];

impl Reading<'_> {
    fn element(&self, node: Node<'_, '_>) -> Element {
        let (name, family) = named(&node);
        let mut element = Element {
            name,
            family,
            line: (self.line_of)(node.range().start),
            text: text_of(&node),
            ..Element::default()
        };
        for attribute in node.attributes() {
            let of_spring = OF_SPRING.contains(&attribute.name());
            let is_foreign = attribute.namespace().is_some_and(|space| !space.ends_with("/schema/p"));
            if !of_spring && !is_foreign {
                let at = attribute.range().start;
                let setting = self.setting(attribute.name(), attribute.value(), at);
                element.settings.push(setting);
            }
        }
        let children = node.children().filter(Node::is_element);
        children.for_each(|child| self.child(child, &mut element));
        element
    }

    fn setting(&self, name: &str, value: &str, at: usize) -> Setting {
        let line = (self.line_of)(at);
        Setting {
            name: name.to_owned(),
            value: value.split_whitespace().collect::<Vec<_>>().join(" "),
            line,
            is_child: false,
            has_bare_ampersand: self.checked.bare_ampersands.contains(&line),
        }
    }

    fn child(&self, node: Node<'_, '_>, of: &mut Element) {
        match node.tag_name().name() {
            "property" if node.attribute("name").is_some() && is_of_spring(&node) => {
                let name = node.attribute("name").unwrap_or_default();
                let mut values = Vec::new();
                values_in(node, &mut values);
                of.settings
                    .push(self.setting(name, &values.join(", "), node.range().start));
                self.beans_in(node, of);
            }
            "constructor-arg" if is_of_spring(&node) => self.beans_in(node, of),
            _ => of.children.push(self.element(node)),
        }
    }

    /// Beans that are the value of something are in the bean that has it.
    fn beans_in(&self, node: Node<'_, '_>, of: &mut Element) {
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "bean" => of.children.push(self.element(child)),
                _ => self.beans_in(child, of),
            }
        }
    }
}

/// ActiveMQ's own elements may have children of the same names.
fn is_of_spring(node: &Node<'_, '_>) -> bool {
    let space = node.tag_name().namespace();
    space.is_none_or(|space| space.contains("springframework") || space.contains("activemq"))
}

/// `value="…"`, `ref="…"`, `<value>…</value>`, and lists of those.
fn values_in(node: Node<'_, '_>, values: &mut Vec<String>) {
    let reference = |name: &str| format!("#{name}");
    values.extend(node.attribute("value").map(str::to_owned));
    values.extend(node.attribute("ref").map(reference));
    if node.tag_name().name() == "ref" {
        values.extend(node.attribute("bean").map(reference));
    }
    if node.tag_name().name() == "value" {
        values.push(text_of(&node));
    }
    for child in node.children().filter(Node::is_element) {
        if child.tag_name().name() != "bean" {
            values_in(child, values);
        }
    }
}

fn text_of(node: &Node<'_, '_>) -> String {
    let texts = node.children().filter(Node::is_text);
    let text: String = texts.filter_map(|text| text.text()).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Its name, and for a bean its class's without the package.
fn named(node: &Node<'_, '_>) -> (String, Option<&'static str>) {
    let name = node.tag_name().name();
    let Some(class) = node.attribute("class").filter(|_| name == "bean") else {
        return (name.to_owned(), None);
    };
    let short = class.rsplit('.').next().unwrap_or(class);
    let family = match () {
        () if short.ends_with("DataSource") => Some("DataSource"),
        () if short.ends_with("PlaceholderConfigurer") => Some("PlaceholderConfigurer"),
        () if class.starts_with("org.jasypt.") => Some("jasypt"),
        () if class.contains(".jetty.") => Some("jetty"),
        () => None,
    };
    (short.to_owned(), family)
}

#[cfg(test)]
mod tests;
