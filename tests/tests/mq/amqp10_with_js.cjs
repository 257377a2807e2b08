// Sends, receives, settles in each way, browses, selects, drains, replies, comes back; prints what it found.
const rhea = require('rhea');
const [host, port] = process.argv.slice(-2);
const say = (...what) => console.log(...what);
const connect = (more) => rhea.create_container(more || {}).connect({ host, port: +port, reconnect: false, ...more });
const once = (emitter, event) => new Promise((done, fail) => {
  const timer = setTimeout(() => fail(new Error('no ' + event)), 10000);
  emitter.once(event, (context) => { clearTimeout(timer); done(context); });
});
const close = async (connection) => { const gone = once(connection, 'connection_close'); connection.close(); await gone; };
const receiver = async (connection, options) => {
  const source = typeof options === 'string' ? { source: options } : options;
  const link = connection.open_receiver({ credit_window: 0, autoaccept: false, ...source });
  await once(link, 'receiver_open');
  return link;
};
const sender = async (connection, options) => {
  const link = connection.open_sender(options);
  await once(link, 'sendable');
  return link;
};
const send = async (link, message) => { const told = once(link, 'accepted'); link.send(message); await told; };
const take = async (link) => { const came = once(link, 'message'); link.add_credit(1); return came; };

(async () => {
  const connection = connect({ container_id: 'js' });
  await once(connection, 'connection_open');
  say('anonymous relay', connection.remote.open.offered_capabilities);
  let to = await sender(connection, 'js.q');
  let from = await receiver(connection, 'js.q');
  for (const body of ['text', Buffer.from([0, 1, 255]), rhea.message.data_section(Buffer.from('data')), { map: 1, list: [1, true] }, 7, null,
                      rhea.message.sequence_section([1, 2])]) {
    await send(to, { body, message_id: 'm', correlation_id: 5, subject: 's', content_type: 'a/b', application_properties: { n: 5, f: 0.5, b: true } });
    const { message, delivery } = await take(from);
    delivery.accept();
    say(JSON.stringify(message));
  }
  // Each outcome.
  await send(to, { body: 'again', durable: true, priority: 7, ttl: 60000 });
  let came = await take(from);
  say(came.message.durable, came.message.priority, came.message.ttl > 50000, came.message.first_acquirer, came.message.delivery_count);
  came.delivery.release();
  came = await take(from);
  say('released', came.message.first_acquirer, came.message.delivery_count);
  came.delivery.modified({ delivery_failed: true });
  came = await take(from);
  say('modified', came.message.first_acquirer, came.message.delivery_count);
  came.delivery.reject({ condition: 'app:no', description: 'not this one' });
  const dead = await receiver(connection, 'DLQ');
  came = await take(dead);
  say('dead', came.message.body);
  came.delivery.accept();
  // Looking takes nothing.
  for (const colour of ['red', 'blue']) await send(to, { body: colour, application_properties: { colour } });
  const browser = await receiver(connection, { source: { address: 'js.q', distribution_mode: 'copy' } });
  say('seen', (await take(browser)).message.body, (await take(browser)).message.body);
  const blue = await receiver(connection, { source: { address: 'js.q', filter: rhea.filter.selector("colour = 'blue'") } });
  came = await take(blue);
  say('selected', came.message.body);
  came.delivery.accept();
  // What is there comes, and then it is said that there is no more.
  let drained = once(from, 'receiver_drained');
  from.on('message', (context) => { say('drained', context.message.body); context.delivery.accept(); });
  from.drain_credit(); from.add_credit(10); from.drain_credit();
  await drained;
  // Topics: one that waits for who is away.
  const durable = { name: 'sub', source: { address: 'js.t', capabilities: ['topic'], durable: 2, expiry_policy: 'never' } };
  let lasting = await receiver(connection, durable);
  let closed = once(lasting, 'receiver_close');
  lasting.detach();
  const topic = await sender(connection, '/topic/js.t');
  await send(topic, { body: 'while away', durable: true });
  lasting = await receiver(connection, durable);
  came = await take(lasting);
  say('durable', came.message.body, JSON.stringify(came.message.delivery_annotations));
  came.delivery.accept();
  lasting.close();
  await once(lasting, 'receiver_close');
  // A queue of one's own, and the anonymous relay.
  const own = await receiver(connection, { source: { dynamic: true } });
  say('dynamic', own.source.address.startsWith('amqp.dynamic-'));
  const anywhere = await sender(connection, { target: {} });
  await send(anywhere, { to: own.source.address, body: 'reply' });
  came = await take(own);
  say(came.message.body);
  came.delivery.accept();
  const refused = once(anywhere, 'rejected');
  anywhere.send({ body: 'nowhere' });
  say('rejected', (await refused).delivery.remote_state.error.condition);
  // Refusals.
  for (const bad of [{ source: { address: '/nowhere/x' } }, { source: { address: 'js.q', filter: rhea.filter.selector('= =') } }]) {
    const link = connection.open_receiver(bad);
    const { receiver: gone } = await once(link, 'receiver_error');
    say('refused', gone.error.condition);
  }
  // Settled before it is sent, and before it comes.
  const settled = await sender(connection, { target: 'js.s', snd_settle_mode: 1 });
  settled.send({ body: 'fire and forget' });
  const careless = await receiver(connection, { source: 'js.s', snd_settle_mode: 1 });
  came = await take(careless);
  say(came.message.body, came.delivery.remote_settled);
  // Larger than a frame.
  const large = 'x'.repeat(1000000);
  await send(to, { body: large });
  from.removeAllListeners('message');
  came = await take(from);
  say('large', came.message.body === large);
  came.delivery.accept();
  await close(connection);
  say('closed');
})().catch((error) => { console.log(error); process.exit(1); });
