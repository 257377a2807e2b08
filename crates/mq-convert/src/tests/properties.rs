use super::*;
use proptest::prelude::*;

const PARTS: &[&str] = &[
    "<broker>",
    "</broker>",
    "<beans>",
    "</beans>",
    "<core>",
    "</core>",
    "<policyEntry queue='>'>",
    "</policyEntry>",
    "<policyEntry topic='a.b,c'/>",
    "<transportConnector name='x' uri='tcp://0.0.0.0:1?a=1&b=2;c'/>",
    "<transportConnector uri='static:((('/>",
    "<acceptor>tcp://:1?protocols=,,MQTT</acceptor>",
    "<bean class='a.b.C'>",
    "</bean>",
    "<property name='p'>",
    "</property>",
    "<property name='port' value='#{x}'/>",
    "text",
    "${",
    "${a:b}",
    "&",
    "&amp;",
    "&x;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<",
    ">",
    "'",
    "\"",
    "\n",
    "<a b='",
    "/>",
    "<redeliveryPolicy maximumRedeliveries='9223372036854775807'/>",
    "<memoryUsage limit='9223372036854775807 gb' percentOfJvmHeap='100'/>",
    "<address-setting match='a.#'>",
    "</address-setting>",
    "<expiry-delay>5</expiry-delay>",
    "<kahaDB directory='/'/>",
    "<authorizationEntry queue='a' read='*, b'/>",
    "<é ü='ß'/>",
    "\u{0}",
    "<permission type='send' roles='a'/>",
    "<security-setting match='#'>",
];

proptest! {
    /// Whatever a file is made of, there is an answer.
    #[test]
    fn nothing_panics(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
        let _ = made(&[&parts.concat()]);
    }

    #[test]
    fn nothing_panics_within_a_broker(parts in prop::collection::vec(prop::sample::select(PARTS), 0..12)) {
        for (before, after) in [("<beans><broker>", "</broker></beans>"), ("<configuration><core>", "</core></configuration>")] {
            if let Ok(made) = made(&[&format!("{before}{}{after}", parts.concat())]) {
                prop_assert!(made.toml.parse::<toml::Table>().is_ok(), "{}", made.toml);
            }
        }
    }

    #[test]
    fn any_text_in_an_attribute_makes_toml(text in "[^<'&]{0,40}") {
        let broker = format!(
            "<broker brokerName='{text}'><transportConnectors><transportConnector name='{text}' uri='{text}'/></transportConnectors>\
             <persistenceAdapter><kahaDB directory='/{text}'/></persistenceAdapter><destinationPolicy><policyMap><policyEntries>\
             <policyEntry queue='{text}'/></policyEntries></policyMap></destinationPolicy></broker>"
        );
        if let Ok(made) = made(&[&broker]) {
            prop_assert!(made.toml.parse::<toml::Table>().is_ok(), "{}", made.toml);
        }
    }
}
