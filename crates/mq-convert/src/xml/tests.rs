use super::*;

fn wrong(text: &str) -> Mistake {
    read(text.as_bytes()).unwrap_err()
}

#[test]
fn elements_have_lines_settings_and_texts() {
    let text = "<?xml version=\"1.0\"?>\n<!-- <a> & <b> -->\n<x:a xmlns:x='u' x:b='1'\n  c='2'>\n  <d> some\n text </d><e/>\n</x:a>\n";
    let root = read(text.as_bytes()).unwrap();
    assert_eq!((root.name.as_str(), root.line), ("a", 3));
    let settings: Vec<(&str, &str, usize)> = root
        .settings
        .iter()
        .map(|s| (s.name.as_str(), s.value.as_str(), s.line))
        .collect();
    assert_eq!(settings, [("c", "2", 4)]);
    assert_eq!(root.says("d"), Some("some text"));
    assert!(root.children[1].is_leaf() && root.has("e") && !root.has("f"));
}

#[test]
fn a_bean_is_called_as_its_class_and_has_its_properties() {
    let text = "<beans><bean id='x' class='org.eclipse.jetty.server.Server'>\n\
                <property name='port' value='8161'/><property name='all'><list><value>a</value>\n\
                <ref bean='b'/></list></property>\n<property name='one'><bean class='a.b.PoolDataSource'/></property>\n\
                <constructor-arg><list><bean class='Inner'/></list></constructor-arg></bean></beans>";
    let root = read(text.as_bytes()).unwrap();
    let bean = &root.children[0];
    assert_eq!((bean.name.as_str(), bean.family), ("Server", Some("jetty")));
    let settings: Vec<(&str, &str)> = bean
        .settings
        .iter()
        .map(|s| (s.name.as_str(), s.value.as_str()))
        .collect();
    assert_eq!(settings, [("port", "8161"), ("all", "a, #b"), ("one", "")]);
    let inner: Vec<(&str, Option<&str>)> = bean.children.iter().map(|c| (c.name.as_str(), c.family)).collect();
    assert_eq!(inner, [("PoolDataSource", Some("DataSource")), ("Inner", None)]);
}

#[test]
fn a_bare_ampersand_is_what_it_looks_like() {
    let text = "<a b='1&c=2&amp;d=&#51;'>\n<![CDATA[x & y]]>&z</a>";
    let root = read(text.as_bytes()).unwrap();
    assert_eq!(root.says("b"), Some("1&c=2&d=3"));
    assert!(root.settings[0].has_bare_ampersand);
    assert_eq!(root.text, "x & y&z");
    assert!(!read(b"<a b='1&amp;c=2'/>").unwrap().settings[0].has_bare_ampersand);
}

#[test]
fn what_is_dangerous_or_broken_is_refused() {
    let deep = |levels: usize| "<a>".repeat(levels) + &"</a>".repeat(levels);
    assert!(read(deep(64).as_bytes()).is_ok());
    let mistake = wrong(&deep(65));
    assert!(mistake.what.contains("more than 64"), "{mistake:?}");
    // So deep that whoever goes down after it has no way back.
    assert!(wrong(&"<a>".repeat(1_000_000)).what.contains("more than 64"));
    for text in [
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>\n<a>&b;</a>",
        "\n<!DOCTYPE Configure PUBLIC \"x\" \"http://x/y.dtd\"><Configure/>",
        "<a><!ENTITY lol \"lol\"></a>",
    ] {
        assert!(wrong(text).what.starts_with("a document type"), "{text}");
    }
    for (text, line) in [
        ("<a>\n<b></a>", 2),
        ("<a b='1' b='2'/>", 1),
        ("<a>\n\n&nothing;</a>", 3),
        ("<a", 1),
        ("", 1),
        ("<a b='<'/>", 1),
        ("<!-- ", 1),
    ] {
        let mistake = wrong(text);
        assert!(mistake.what.starts_with("this is no XML"), "{text}: {mistake:?}");
        assert_eq!(mistake.line, line, "{text}: {mistake:?}");
    }
    assert!(read(b"<a>\n\xff</a>").is_err_and(|mistake| mistake.line == 2 && mistake.what.contains("UTF-8")));
    let many = format!("<a>{}</a>", "<b/>".repeat(200_001));
    assert!(wrong(&many).what.starts_with("this is no XML"));
}
