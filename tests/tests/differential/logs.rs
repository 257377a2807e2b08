//! Log lines in every form.

use tandem_tests::Scenario;

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a line of everything there is",
        story: "fetches and converters below HTTP in a log format, for a client that is served and one that is not",
        config: " retries 0\n log-format \"%ci %f %ft %b %s %ts %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq B=%B U=%U %ST %[src],%[src,ipmask(8)] %[dst,ipmask(16)] fe=%[fe_id],%[fe_name],%[fe_conn] \
                 be=%[be_id],%[be_name],%[be_conn],%[nbsrv] so=%[so_id] n=%[nbsrv(l)] up=%[srv_is_up(l/s)] q=%[queue(l)],%[avg_queue(l)],%[srv_queue(l/s)] \
                 i=%[int(12),add(3),mul(2),div(7),mod(3)],%[int(-5),neg],%[int(6),and(3),or(8),xor(1)],%[int(7),odd] \
                 s=%[str(Hello),upper,lower],%[str(a.b.c),field(2,.)],%[str(a.b.c),word(-1,.)],%[str(abc),length],%[str(abc),hex] \
                 h=%[str(abc),crc32(1)],%[str(abc),djb2],%[str(abc),sdbm(1)],%[str(abc),wt6],%[str(abc),xxh32],%[str(abc),xxh64],%[str(abc),crc32c],%[str(abc),xxh3] \
                 b=%[str(abc),base64],%[str(YWJj),b64dec],%[str(abc),sha1,hex],%[str(abc),sha2(256),hex],%[str(a%20b),url_dec] \
                 j=%[str(abc),regsub(b,x)],%[str(abc),strcmp(txn.none)],%[str(9),in_table(l)],%[always_true],%[bool(0),not] \
                 e=%{+E}[str(x)] +Q=%{+Q}[str(x)] Q=%{+Q}s X=%{+X}ci m=%[str(x),iif(y,n)] c=%[str(axbxc),concat(-,sess.none,-)]\"\n\
                 listen l\n bind {0}\n stick-table type string size 1k\n stick on src\n server s {a}\nlisten m\n bind {1}\n server s {dead}\n",
        play: |s| {
            s.talk(0, 5, b"x");
            s.talk(1, 6, b"x");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "both connections and the places they are at",
        story: "ends, segments, round trips, timeouts, weights and tables, for a client that is served and one that is not",
        config: " retries 0\n option redispatch 0\nfrontend f\n bind {0}\n default_backend b\n log-format \"B=%B %ts fc=%[fc_err],%[fc_err_str] bc=%[bc_err],%[bc_err_str] \
                 seg=%[fc_lost],%[fc_retrans],%[fc_sacked],%[fc_fackets],%[fc_reordering] rtt=%[fc_rtt(us),bool],%[fc_rttvar(us),bool] local=%[fc_src_is_local],%[fc_dst_is_local] \
                 theirs=%[bc_dst],%[bc_dst_port,bool] t=%[fe_client_timeout],%[be_server_timeout],%[be_tunnel_timeout],%[cur_server_timeout],%[cur_tunnel_timeout] \
                 stop=%[stopping] def=%[fe_defbe] w=%[srv_weight(b/s)],%[srv_iweight(b/s)],%[srv_uweight(b/s)] tab=%[table_cnt(b)],%[table_avl(b)] q=%[str(b/s),srv_queue] \
                 v=%[var(sess.none,dflt)],%[var(sess.early)],%[var(sess.late)],%[var(sess.q),bool],%[var(sess.src)],%[var(sess.port)] d=%[date(0,ms),div(1000),sub(5),bool]\"\n\
                 backend b\n timeout tunnel 1h\n stick-table type ip size 7\n stick on src\n tcp-request content set-var(sess.early) cur_server_timeout\n \
                 tcp-response content set-var(sess.late) cur_server_timeout\n tcp-response content set-var(sess.q) bc_dst_port\n tcp-response content set-var(sess.src) bc_src,concat(:)\n tcp-response content set-var(sess.port) bc_src_port,bool\n tcp-response content accept\n server s {a} weight 17\n\
                 listen l\n bind {1}\n log-format \"B=%B %ts fc=%[fc_err],%[fc_err_str] t=%[fe_client_timeout],%[be_server_timeout],%[be_tunnel_timeout],%[cur_server_timeout] \
                 bc=%[bc_err],%[bc_err_str] def=%[fe_defbe]\"\n server s {dead}\n",
        play: |s| {
            s.talk(0, 5, b"x");
            s.order("set server b/s weight 50%");
            s.talk(0, 6, b"y");
            s.talk(1, 6, b"x");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "which lines are written",
        story: "dontlog-normal, logasap, a tag, refused at both doors, no log",
        config: " retries 0\nlisten normal\n bind {0}\n option dontlog-normal\n server s {a}\nlisten dead\n bind {1}\n option dontlog-normal\n server s {dead}\n\
                 listen asap\n bind {2}\n option logasap\n server s {a}\nlisten error\n bind {3}\n log-tag other\n tcp-request connection reject if { src 127.0.0.9 }\n \
                 tcp-request content reject if { src 127.0.0.8 }\n server s {a}\n\
                 listen plain\n bind {4}\n server s {a}\nlisten none\n bind {5}\n no log\n server s {a}\n",
        play: |s| {
            for listener in 0..6 {
                [1, 6, 7, 8, 9].into_iter().for_each(|from| s.talk(listener, from, b""));
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "lines that are neither tcplog nor of one's own format",
        story: "without any option, with tcplog, with a format after it, with a first value that is empty",
        config: "defaults bare\n mode tcp\n log global\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten plain\n bind {0}\n server s {a}\nlisten own\n bind {1}\n option tcplog\n server s {a}\n\
                 listen two\n bind {2}\n option tcplog\n log-format \"last wins %f\"\n server s {a}\n\
                 listen empty\n bind {3}\n unique-id-format \"%hr x%[src]\"\n log-format \"%hr id=%ID %hr\"\n server s {a}\n",
        play: |s| (0..4).for_each(|listener| s.talk(listener, 1, b"x")),
        ..Scenario::EMPTY
    },
];
