//! Where clients connect: `<transportConnector>` and Artemis's `<acceptor>`.

use crate::row::Becomes::{As, Begins, Dropped, Head, Holds, Key, NoEffect, Parts};
use crate::row::{Rows, Table};
use crate::takes::listen;
use crate::unit::Unit;

use super::why;

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "transportConnectors",
        rows: &[("", Parts)],
    },
    Rows {
        of: "transportConnector",
        rows: &[
            ("", Begins("`[[listen]]`", listen::connector, listen::ends)),
            ("name", Head),
            (
                "uri",
                As(
                    "`address` and `protocol`: by the scheme `stomp`, `mqtt`, `amqp` (with `+nio`), or what clients say (`auto`, `tcp`, `nio`); with `+ssl` it is a comment until there is a certificate",
                    listen::uri,
                ),
            ),
            (
                "?maximumConnections",
                Key(Table::Listen, "max-connections", Unit::Connections),
            ),
            (
                "?wireFormat.maxFrameSize ?transport.wireFormat.maxFrameSize ?transport.maxFrameSize",
                Key(Table::Listen, "max-frame", Unit::Frame),
            ),
            (
                "?socketBufferSize ?transport.socketBufferSize",
                As("`send-buffer` and `receive-buffer`", listen::buffers),
            ),
            (
                "?transport.defaultHeartBeat",
                As("`heart-beat`, the longer of the two", listen::heart_beat),
            ),
            (
                "?tcpNoDelay ?transport.tcpNoDelay ?tcpNoDelayEnabled",
                Holds("true", "small messages are sent at once"),
            ),
            (
                "?keepAlive ?transport.keepAlive ?tcpKeepAlive",
                Holds(
                    "true",
                    "the kernel always asks whether who is silent is still there: keepalive",
                ),
            ),
            (
                "?needClientAuth ?transport.needClientAuth ?wantClientAuth ?transport.wantClientAuth",
                As("`tls` with `client-ca`", listen::wants_clients),
            ),
            (
                "?auto.protocols",
                As("`protocol`, if there is one alone", listen::protocols),
            ),
            (
                "?transport.verifyHostName ?verifyHostName ?socket.verifyHostName",
                NoEffect("clients are not asked for a host's name"),
            ),
            (
                "?transport.enabledProtocols ?transport.enabledCipherSuites ?enabledProtocols ?enabledCipherSuites",
                NoEffect("TLS is 1.2 and 1.3, with safe ciphers only"),
            ),
            (
                "?wireFormat.maxInactivityDuration ?wireFormat.maxInactivityDurationInitalDelay ?wireFormat.tightEncodingEnabled \
              ?wireFormat.cacheEnabled ?wireFormat.cacheSize ?wireFormat.sizePrefixDisabled ?wireFormat.stackTraceEnabled \
              ?wireFormat.tcpNoDelayEnabled ?wireFormat.version ?wireFormat.host ?jms.prefetchPolicy.all",
                NoEffect(why::OPENWIRE),
            ),
            (
                "?transport.transformer ?transport.closeAsync ?transport.useInactivityMonitor ?useInactivityMonitor \
              ?transport.hbGracePeriodMultiplier ?transport.soTimeout ?soTimeout ?transport.soLinger ?soLinger ?backlog \
              ?transport.ioBufferSize ?ioBufferSize ?trace ?transport.trace ?transport.threadName ?daemon \
              ?minmumWireFormatVersion ?dynamicManagement ?startLogging ?protocolDetectionTimeOut ?transport.soWriteTimeout \
              ?transport.activeMQSubscriptionPrefetch ?transport.subscriptionStrategy ?transport.publishDollarTopics",
                NoEffect(why::INSIDE),
            ),
            (
                "?maximumConnectionsPerIp",
                Dropped("tandem-lb counts connections by address: stick-table, conn_cur"),
            ),
            (
                "discoveryUri discoveryAgent",
                Dropped("nodes do not announce themselves to each other yet"),
            ),
            (
                "enableStatusMonitor disableAsyncDispatch auditNetworkProducers displayStackTrace warnOnRemoteClose",
                NoEffect(why::INSIDE),
            ),
            (
                "updateClusterClients rebalanceClusterClients updateClusterClientsOnRemove",
                Holds(
                    "false",
                    "clients are not told of other nodes: tandem-lb stands before them",
                ),
            ),
            (
                "updateClusterFilter updateURIsURL",
                Dropped("clients are not told of other nodes: tandem-lb stands before them"),
            ),
            (
                "maximumConsumersAllowedPerConnection maximumProducersAllowedPerConnection",
                Dropped("how many consumers a connection has is limited for all alike"),
            ),
            (
                "allowLinkStealing",
                Holds(
                    "true",
                    "who comes by the name of another client of MQTT takes its place",
                ),
            ),
        ],
    },
    Rows {
        of: "publishedAddressPolicy",
        rows: &[("", NoEffect("nodes do not announce themselves to each other yet"))],
    },
];

pub(super) const ACCEPTORS: &[Rows] = &[
    Rows {
        of: "acceptors",
        rows: &[("", Parts)],
    },
    Rows {
        of: "acceptor",
        rows: &[
            ("", Begins("`[[listen]]`", listen::acceptor, listen::ends)),
            ("name", Head),
            ("text", As("`address`", listen::uri)),
            (
                "?protocols",
                As(
                    "`protocol`: `stomp`, `mqtt`, `amqp10` if it is one alone, else what clients say",
                    listen::protocols,
                ),
            ),
            (
                "?connectionsAllowed",
                Key(Table::Listen, "max-connections", Unit::Connections),
            ),
            ("?tcpSendBufferSize", Key(Table::Listen, "send-buffer", Unit::Buffer)),
            (
                "?tcpReceiveBufferSize",
                Key(Table::Listen, "receive-buffer", Unit::Buffer),
            ),
            (
                "?stompMaxFramePayloadLength ?maxFrameSize",
                Key(Table::Listen, "max-frame", Unit::Frame),
            ),
            ("?tcpNoDelay", Holds("true", "small messages are sent at once")),
            (
                "?tcpKeepAlive",
                Holds(
                    "true",
                    "the kernel always asks whether who is silent is still there: keepalive",
                ),
            ),
            (
                "?sslEnabled",
                As(
                    "`tls`, where the store is PEM; else it is a comment until there is a certificate",
                    listen::wants_tls,
                ),
            ),
            (
                "?keyStorePath",
                As("`tls` `certificate`, if it ends in `.pem`", listen::key_store),
            ),
            (
                "?trustStorePath",
                As("`tls` `client-ca`, if it ends in `.pem`", listen::trust_store),
            ),
            (
                "?needClientAuth ?wantClientAuth",
                As("`tls` with `client-ca`", listen::wants_clients),
            ),
            (
                "?keyStorePassword ?trustStorePassword ?keyStoreProvider ?trustStoreProvider ?keyStoreType ?trustStoreType ?keyStoreAlias",
                NoEffect("files in PEM have none of that"),
            ),
            (
                "?enabledCipherSuites ?enabledProtocols ?sslProvider ?verifyHost ?sniHost",
                NoEffect("TLS is 1.2 and 1.3, with safe ciphers only"),
            ),
            ("?proxyProtocolEnabled", As("`proxy-protocol`", listen::proxy_protocol)),
            (
                "?useEpoll ?useKQueue ?useNio ?useGlobalWorkerPool ?nioRemotingThreads ?remotingThreads ?directDeliver ?backlog \
              ?batchDelay ?localAddress ?localPort ?writeBufferLowWaterMark ?writeBufferHighWaterMark ?nettyThreads \
              ?shutdownTimeout ?quietPeriod ?handshake-timeout ?handshakeTimeout",
                NoEffect("connections are served by epoll; how is built otherwise here"),
            ),
            (
                "?amqpCredits ?amqpLowCredits ?amqpMinCredits ?amqpMinLargeMessageSize ?amqpDuplicateDetection ?amqpIdleTimeout \
              ?amqpUseModifiedForTransientDeliveryErrors ?amqpMaxFrameSize ?stompConsumerCredits ?stompEnableMessageId \
              ?stompMinLargeMessageSize ?maximumInFlightPublishMessages ?minLargeMessageSize ?closeMqttConnectionOnPublishAuthorizationFailure",
                NoEffect("each protocol's credit is counted by itself here"),
            ),
            (
                "?defaultMqttSessionExpiryInterval ?topicAliasMaximum ?receiveMaximum ?serverKeepAlive ?maximumPacketSize ?allowLinkStealing",
                NoEffect("clients of MQTT say that, and are told what they get"),
            ),
            (
                "?connectionTtl ?connection-ttl ?heartBeatToTtlModifier ?connectionTtlMin ?connectionTtlMax",
                NoEffect("heart-beats of each protocol say who is gone: heart-beat"),
            ),
            (
                "?anycastPrefix ?multicastPrefix",
                Dropped("names are the same on each listener: /queue/ and /topic/ say which kind is meant"),
            ),
            (
                "?supportAdvisory ?suppressInternalManagementObjects ?virtualTopicConsumerWildcards ?openwireMaxPacketSize ?actorThresholdBytes",
                NoEffect(why::OPENWIRE),
            ),
            (
                "?securityDomain ?saslMechanisms ?saslLoginConfigScope ?crlPath",
                Dropped("users are in [[user]]"),
            ),
            (
                "?redirect-key ?router ?routerName",
                Dropped("tandem-lb says who gets which node"),
            ),
            (
                "?httpEnabled ?httpUpgradeEnabled ?webSocketEncoderType ?webSocketMaxFramePayloadLength",
                Dropped("nothing is carried over HTTP or WebSocket"),
            ),
        ],
    },
];
