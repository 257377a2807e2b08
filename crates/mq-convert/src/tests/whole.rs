use super::*;
use tandem_text::Verdict;

fn has(made: &Converted, all: &[&str]) {
    let text = lines(made).join("\n");
    for part in all {
        assert!(text.contains(part), "{part:?} is not in\n{}", made.toml);
    }
}

#[test]
fn connectors_become_listeners() {
    let made = of_broker(
        "<transportConnectors>\n<transportConnector name='a' uri='stomp+nio://0.0.0.0:61613?maximumConnections=7;wireFormat.maxFrameSize=10 kb'/>\n\
         <transportConnector uri='mqtt://localhost:1883?transport.socketBufferSize=65536'/>\n\
         <transportConnector uri='amqp://[::1]:5672'/>\n<transportConnector uri='auto+nio://mq1:61616'/></transportConnectors>",
    );
    has(
        &made,
        &[
            "[[listen]] # a\naddress = \"0.0.0.0:61613\"\nprotocol = \"stomp\"\nmax-connections = 7\nmax-frame = 10240\n",
            "address = \"127.0.0.1:1883\"\nprotocol = \"mqtt\"\nreceive-buffer = 65536\nsend-buffer = 65536\n",
            "address = \"[::1]:5672\"\nprotocol = \"amqp10\"\n",
            "[[listen]]\naddress = \"10.0.0.1:61616\"\n",
            "anonymous = true\n",
        ],
    );
    assert_eq!(made.verdict, Verdict::Same, "{:#?}", made.receipts);
    let receipt = made
        .receipts
        .iter()
        .find(|receipt| receipt.text == "transportConnector ?maximumConnections=7");
    let receipt = receipt.unwrap();
    assert_eq!((receipt.line, &*receipt.file), (3, "1.xml"));
    assert_eq!(receipt.fate, Fate::Kept("[[listen]] max-connections".to_owned()));
}

#[test]
fn what_no_listener_can_be_is_a_comment_with_its_reason() {
    let made = of_broker(
        "<transportConnectors><transportConnector name='s' uri='stomp+ssl://0.0.0.0:61612'/>\n\
         <transportConnector name='w' uri='ws://0.0.0.0:61614?a=1'/><transportConnector name='n' uri='mqtt://nowhere:1883'/>\n\
         <transportConnector name='one' uri='mqtt://0.0.0.0:1884'/><transportConnector name='two' uri='stomp://127.0.0.1:1884'/>\n\
         <transportConnector name='p' uri='stomp://127.0.0.1:${port}'/><transportConnector name='none'/></transportConnectors>",
    );
    for (name, why) in [
        ("s", "PEM"),
        ("w", "WebSocket"),
        ("n", "has no address here"),
        ("two", "line 4 has the port 1884 already"),
        ("p", "it does not say where"),
        ("none", "it does not say where"),
    ] {
        let said = dropped(&made, &format!("<transportConnector name=\"{name}\">"));
        assert!(said.contains(why), "{name}: {said}");
    }
    // Nor are its parts.
    assert!(
        dropped(&made, "transportConnector uri=\"stomp+ssl://0.0.0.0:61612\"")
            .contains("it is part of <transportConnector>: TLS")
    );
    assert_eq!(made.toml.matches("\n[[listen]]").count(), 1);
    assert!(
        made.toml
            .contains("# [[listen]] # s\n# address = \"0.0.0.0:61612\"\n# protocol = \"stomp\"\n")
    );
    assert!(dropped(&made, "transportConnector ?a=1").contains("not known here"));
    let port = dropped(&made, "transportConnector uri=\"stomp://127.0.0.1:${port}\"");
    assert_eq!(port, "${port} has no value here: set PORT in the environment");
    assert_eq!(made.verdict, Verdict::Incomplete);
    assert!(made.toml.starts_with("# NOT COMPLETE."));
}

#[test]
fn an_acceptor_speaks_what_it_says() {
    let made = of_core(
        "<acceptors><acceptor name='a'>tcp://0.0.0.0:61616?protocols=CORE, AMQP ,STOMP;useEpoll=true</acceptor>\n\
         <acceptor name='m'>tcp://0.0.0.0:1883?protocols=MQTT</acceptor><acceptor name='c'>tcp://0.0.0.0:1?protocols=CORE</acceptor>\n\
         <acceptor name='t'>tcp://0.0.0.0:2?sslEnabled=true;keyStorePath=/etc/a.pem;needClientAuth=true;trustStorePath=/etc/b.pem</acceptor>\n\
         <acceptor name='j'>tcp://0.0.0.0:3?sslEnabled=true;keyStorePath=/etc/a.jks;keyStorePassword=secret</acceptor>\n\
         <acceptor name='u'>tcp://0.0.0.0:4?sslEnabled=true;keyStorePath=/etc/a.pem;needClientAuth=true</acceptor></acceptors>",
    );
    has(
        &made,
        &[
            "address = \"0.0.0.0:61616\"\nprotocol = \"auto\"\n",
            "address = \"0.0.0.0:1883\"\nprotocol = \"mqtt\"\n",
            "address = \"0.0.0.0:1\"\nprotocol = \"auto\"\n",
            "tls = { certificate = \"/etc/a.pem\", client-ca = \"/etc/b.pem\" }",
        ],
    );
    assert!(dropped(&made, "acceptor ?protocols=CORE").contains("CORE is not spoken"));
    assert!(dropped(&made, "<acceptor name=\"j\">").contains("PEM"));
    assert!(dropped(&made, "<acceptor name=\"u\">").contains("client-ca"));
    assert!(!made.receipts.iter().any(|receipt| receipt.text.contains("secret")));
    assert!(!lines(&made).contains(&"anonymous = true"), "{}", made.toml);
}

#[test]
fn policies_count_where_they_did() {
    let made = of_broker(
        "<destinationPolicy><policyMap><policyEntries>\n<policyEntry queue='>'><deadLetterStrategy><discarding/></deadLetterStrategy></policyEntry>\n\
         <policyEntry queue='a.>'/>\n<policyEntry queue='a.b'><deadLetterStrategy><individualDeadLetterStrategy queuePrefix='D.'/>\
         </deadLetterStrategy></policyEntry>\n<policyEntry topic='a.b'/></policyEntries></policyMap></destinationPolicy>\n\
         <plugins><redeliveryPlugin><redeliveryPolicyMap><redeliveryPolicyMap><redeliveryPolicyEntries>\n\
         <redeliveryPolicy queue='a.b' maximumRedeliveries='2'/><redeliveryPolicy queue='c' maximumRedeliveries='3'/>\
         </redeliveryPolicyEntries></redeliveryPolicyMap></redeliveryPolicyMap></redeliveryPlugin></plugins>",
    );
    has(
        &made,
        &[
            "name = \"#\"\npattern = \"#\"\ndead-letter = \"\"\nexpiry = \"\"\n[[policy]]",
            "pattern = \"a.#\"\npriority = 1\ndead-letter = \"ActiveMQ.DLQ\"\nexpiry = \"ActiveMQ.DLQ\"\n[[policy]]",
            "pattern = \"c\"\npriority = 2\ndead-letter = \"\"\nexpiry = \"\"\nmax-delivery-attempts = 4\nredelivery-delay = 1000\n[[policy]]",
            "pattern = \"a.b\"\npriority = 3\ndead-letter = \"D.a.b\"\nexpiry = \"D.a.b\"\nmax-delivery-attempts = 3",
        ],
    );
    assert!(dropped(&made, "<policyEntry topic=\"a.b\">").contains("that of line 5 is for the same names"));
    let artemis = of_core(
        "<address-settings><address-setting match='a.b'><max-delivery-attempts>-1</max-delivery-attempts></address-setting>\
         <address-setting match='#'><dead-letter-address>D</dead-letter-address><expiry-delay>9</expiry-delay></address-setting>\
         <address-setting match='a.#'><expiry-delay>7</expiry-delay><max-size-messages>5</max-size-messages>\
         <address-full-policy>DROP</address-full-policy></address-setting>\
         <address-setting match='z'><redistribution-delay>5</redistribution-delay></address-setting></address-settings>",
    );
    has(
        &artemis,
        &[
            "pattern = \"#\"\ndead-letter = \"D\"\nmessage-ttl = 9\n[[policy]]",
            "pattern = \"a.#\"\npriority = 1\nmessage-ttl = 7\nmax-length = 5\ndead-letter = \"D\"\n[[policy]]",
            "pattern = \"a.b\"\npriority = 2\nmax-delivery-attempts = 0\nmessage-ttl = 7\nmax-length = 5\ndead-letter = \"D\"",
        ],
    );
    assert!(matches!(
        fate(&artemis, "<address-setting match=\"z\">"),
        Fate::NoEffect(_)
    ));
}

#[test]
fn what_comes_again_comes_as_late_as_it_did() {
    let plugin = |inner: &str| {
        of_broker(&format!(
            "<plugins><redeliveryPlugin><redeliveryPolicyMap><redeliveryPolicyMap><defaultEntry><redeliveryPolicy {inner}/></defaultEntry>\
             </redeliveryPolicyMap></redeliveryPolicyMap></redeliveryPlugin></plugins>"
        ))
    };
    let grows = plugin(
        "redeliveryDelay='100' initialRedeliveryDelay='9' useExponentialBackOff='true' backOffMultiplier='2' maximumRedeliveryDelay='900'",
    );
    has(
        &grows,
        &[
            "redelivery-delay = 100\nredelivery-delay-multiplier = 2.0\nmax-redelivery-delay = 900\nmax-delivery-attempts = 7",
        ],
    );
    has(
        &plugin("initialRedeliveryDelay='9' backOffMultiplier='2'"),
        &["redelivery-delay = 9\nmax-delivery-attempts = 7"],
    );
    let usual = "redelivery-delay-multiplier = 5.0\nmax-delivery-attempts = 7\nredelivery-delay = 1000";
    has(&plugin("useExponentialBackOff='true'"), &[usual]);
    assert!(
        !plugin("redeliveryDelay='0' useExponentialBackOff='true'")
            .toml
            .contains("redelivery-delay")
    );
    let artemis = of_core(
        "<id-cache-size>300000</id-cache-size><address-settings><address-setting match='a'><redelivery-delay>5</redelivery-delay>\
         <redelivery-delay-multiplier>1.5</redelivery-delay-multiplier><default-last-value-queue>true</default-last-value-queue>\
         <default-group-buckets>16</default-group-buckets></address-setting></address-settings>",
    );
    has(
        &artemis,
        &[
            "pattern = \"#\"\nid-cache-size = 100000",
            "pattern = \"a\"\npriority = 1\nredelivery-delay = 5\nredelivery-delay-multiplier = 1.5\nlast-value-key = \"_AMQ_LVQ_NAME\"\ngroup-buckets = 16\n",
        ],
    );
    let ahead = of_broker(
        "<destinationPolicy><policyMap><policyEntries><policyEntry queue='q' queuePrefetch='0' topicPrefetch='5'><messageGroupMapFactory>\
         <messageGroupHashBucketFactory bucketCount='8'/></messageGroupMapFactory></policyEntry></policyEntries></policyMap></destinationPolicy>",
    );
    has(&ahead, &["prefetch = 1\ngroup-buckets = 8\n"]);
}

#[test]
fn without_a_policy_the_dead_stay_where_they_were() {
    has(
        &of_broker(""),
        &["[[policy]]\nname = \"#\"\npattern = \"#\"\ndead-letter = \"ActiveMQ.DLQ\"\nexpiry = \"ActiveMQ.DLQ\""],
    );
    let discards = of_broker("<plugins><discardingDLQBrokerPlugin dropAll='true'/></plugins>");
    has(&discards, &["dead-letter = \"\"\nexpiry = \"\""]);
    assert!(!of_core("").toml.contains("[[policy]]"));
}

#[test]
fn who_may_come_in_is_never_more_than_it_was() {
    let user = "<simpleAuthenticationPlugin><users><authenticationUser username='u' password='p' groups='a, b'/></users></simpleAuthenticationPlugin>";
    let rights = "<authorizationPlugin><map><authorizationMap><authorizationEntries><authorizationEntry queue='>' read='a' write='*'/>\
                  <authorizationEntry topic='t.>' admin='c'/></authorizationEntries></authorizationMap></map></authorizationPlugin>";
    let open = of_broker("<transportConnectors/>");
    has(&open, &["anonymous = true"]);
    let named = of_broker(&format!("<plugins>{user}</plugins>"));
    has(
        &named,
        &["[[user]]\nname = \"u\"\npassword-hash = \"$argon2id$of-1\"\n"],
    );
    assert!(
        !named.toml.contains("anonymous") && !named.toml.contains("groups"),
        "{}",
        named.toml
    );
    let both = of_broker(&format!("<plugins>{user}{rights}</plugins>"));
    has(
        &both,
        &[
            "groups = [\"a\", \"b\", \"everybody\"]",
            "name = \"a\"\nread = [\"#\"]",
            "name = \"b\"\n",
            "name = \"c\"\nconfigure = [\"t.#\"]",
            "name = \"everybody\"\nwrite = [\"#\"]",
        ],
    );
    for elsewhere in [
        "<plugins><jaasAuthenticationPlugin configuration='activemq'/></plugins>".to_owned(),
        format!("<plugins>{rights}</plugins>"),
        "<plugins><simpleAuthenticationPlugin><users><authenticationUser username='u' password='${p}'/></users></simpleAuthenticationPlugin></plugins>".to_owned(),
    ] {
        let made = of_broker(&elsewhere);
        assert!(made.toml.contains("\n# Nobody may come in yet"), "{}", made.toml);
        assert!(!lines(&made).contains(&"anonymous = true"));
    }
    let guests = user.replace(
        "<simpleAuthenticationPlugin>",
        "<simpleAuthenticationPlugin anonymousAccessAllowed='true' anonymousGroup='g'>",
    );
    has(
        &of_broker(&format!("<plugins>{guests}</plugins>")),
        &["anonymous = true\n[[user]]"],
    );
    has(
        &of_broker(&format!("<plugins>{guests}{rights}</plugins>")),
        &["anonymous = true\nanonymous-groups = [\"g\"]", "name = \"g\"\n"],
    );
}

#[test]
fn a_right_that_artemis_takes_away_is_not_given() {
    let made = of_core(
        "<security-settings><security-setting match='#'><permission type='send' roles='a'/><permission type='consume' roles='a,b'/></security-setting>\
         <security-setting match='secret.#'><permission type='send' roles='c'/><permission type='consume' roles='a, b'/></security-setting></security-settings>",
    );
    assert!(dropped(&made, "<permission type=\"send\" roles=\"a\">").contains("takes that away"));
    has(
        &made,
        &[
            "name = \"a\"\nread = [\"#\", \"secret.#\"]\n",
            "name = \"b\"\nread = [\"#\", \"secret.#\"]\n",
            "name = \"c\"\nwrite = [\"secret.#\"]",
        ],
    );
    let off = of_core(
        "<security-enabled>false</security-enabled><security-settings><security-setting match='#'><permission type='send' roles='a'/></security-setting></security-settings>",
    );
    has(&off, &["anonymous = true"]);
    assert!(!off.toml.contains("[[group]]"));
}

#[test]
fn the_journal_is_beside_the_old_store() {
    for (inner, folder) in [
        (
            "<persistenceAdapter><kahaDB directory='${activemq.data}/kahadb'/></persistenceAdapter>",
            "/srv/activemq/data/kahadb/tandem-mq",
        ),
        (
            "<persistenceAdapter><kahaDB directory='${other}/kahadb'/></persistenceAdapter>",
            "/var/lib/tandem-mq",
        ),
        (
            "<persistenceAdapter><kahaDB directory='../data'/></persistenceAdapter>",
            "/var/lib/tandem-mq",
        ),
        (
            "<persistenceAdapter><levelDB directory='file:/l/'/></persistenceAdapter>",
            "/l/tandem-mq",
        ),
        ("", "/var/lib/tandem-mq"),
    ] {
        has(&of_broker(inner), &[&format!("data-dir = \"{folder}\"")]);
    }
    let made =
        of("<broker dataDirectory='/a'><persistenceAdapter><kahaDB directory='/b'/></persistenceAdapter></broker>");
    has(&made, &["data-dir = \"/b/tandem-mq\""]);
    assert!(matches!(fate(&made, "broker dataDirectory=\"/a\""), Fate::NoEffect(_)));
    has(&of("<broker dataDirectory='/a'/>"), &["data-dir = \"/a/tandem-mq\""]);
}

#[test]
fn limits_are_read_in_all_their_units() {
    let usage = |memory: &str, store: &str| {
        of_broker(&format!(
            "<systemUsage><systemUsage><memoryUsage><memoryUsage {memory}/></memoryUsage><storeUsage><storeUsage {store}/></storeUsage></systemUsage></systemUsage>"
        ))
    };
    has(
        &usage("limit='64 mb'", "percentLimit='80'"),
        &["max-disk-usage = 80\n", "[memory]\nmessages = 67108864"],
    );
    has(
        &usage("percentOfJvmHeap='70'", "limit='1 gb'"),
        &["messages = 751619260"],
    );
    let wrong = usage("limit='lots'", "percentLimit='180'");
    assert!(dropped(&wrong, "memoryUsage limit=\"lots\"").contains("no size"));
    assert!(dropped(&wrong, "storeUsage percentLimit=\"180\"").contains("1 to 100"));
    assert!(wrong.diagnostics.iter().any(tandem_text::Diagnostic::is_error));
}

#[test]
fn the_console_is_where_it_was() {
    let jetty = "<beans><bean class='org.eclipse.jetty.util.security.Constraint'><property name='authenticate' value='true'/></bean>\
                 <bean class='org.apache.activemq.web.WebConsolePort'><property name='host' value='0.0.0.0'/><property name='port' value='8162'/></bean></beans>";
    let broker = "<beans><broker/><import resource='jetty.xml'/><import resource='camel.xml'/></beans>";
    has(&of(broker), &["[admin]\naddress = \"127.0.0.1:8161\""]);
    assert!(dropped(&of(broker), "import resource=\"camel.xml\"").contains("not opened"));
    let both = made(&[broker, jetty]).unwrap();
    has(&both, &["[admin]\naddress = \"0.0.0.0:8162\""]);
    assert!(dropped(&both, "Constraint authenticate=\"true\"").contains("without a name"));
    assert!(!of("<beans><broker/></beans>").toml.contains("[admin]"));
    let old = "<beans><bean class='org.eclipse.jetty.server.Server'><property name='connectors'><list>\
               <bean class='org.eclipse.jetty.server.nio.SelectChannelConnector'><property name='port' value='8166'/></bean></list></property></bean></beans>";
    has(&of(old), &["address = \"127.0.0.1:8166\""]);
    let artemis = made(&[
        "<broker xmlns='http://activemq.org/schema'><jaas-security domain='activemq'/><server configuration='file:broker.xml'/><web path='web'><binding uri='http://localhost:8163'/></web></broker>",
        "<configuration><core/></configuration>",
    ]);
    has(&artemis.unwrap(), &["address = \"127.0.0.1:8163\""]);
}

#[test]
fn nothing_is_silent() {
    let made = of_broker(
        "<transportConnector url='x'/><nothing a='1'><deep b='2'>text</deep></nothing><transportConnectorz/>",
    );
    assert!(dropped(&made, "transportConnector url=\"x\"").contains("did you mean uri?"));
    for text in ["<nothing>", "nothing a=\"1\"", "<deep>", "deep b=\"2\"", "<deep> text"] {
        assert!(dropped(&made, text).contains("not known here"), "{text}");
    }
    assert!(dropped(&made, "<transportConnectorz>").contains("not known here"));
    let codes: Vec<&str> = made.diagnostics.iter().map(|said| said.code.0).collect();
    assert!(codes.contains(&"MQ0001") && codes.contains(&"MQ0005"), "{codes:?}");
}

#[test]
fn files_of_two_brokers_are_not_one() {
    let broker = "<beans><broker/></beans>";
    for two in [[broker, broker], [broker, "<configuration><core/></configuration>"]] {
        let refused = made(&two).unwrap_err();
        assert!(refused.diagnostic.message.contains("another broker's file"));
        assert_eq!(refused.sources.location(refused.diagnostic.span).file, "2.xml");
    }
    let refused = made(&["<a>\n  <b></a>"]).unwrap_err();
    assert_eq!(refused.sources.location(refused.diagnostic.span).line, 2);
}

#[test]
fn brokers_files_are_told_from_others() {
    for (text, is) in [
        ("<?xml version=\"1.0\"?>\n<beans/>", true),
        ("\u{feff}\n <beans/>", true),
        ("global\n", false),
        ("[[listen]]\n", false),
        ("! <\n", false),
        ("", false),
    ] {
        assert_eq!(crate::is_brokers(text.as_bytes()), is, "{text}");
    }
}

#[test]
fn each_code_is_shown_by_its_example() {
    for explained in crate::code::EXPLAINED {
        let codes = |text: &str| match made(&[text]) {
            Ok(made) => made.diagnostics.iter().map(|said| said.code).collect::<Vec<_>>(),
            Err(refused) => vec![refused.diagnostic.code],
        };
        assert!(codes(explained.wrong).contains(&explained.code), "{}", explained.code);
        assert!(codes(explained.right).is_empty(), "{}", explained.code);
    }
}
