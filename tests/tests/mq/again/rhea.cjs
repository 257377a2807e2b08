// Comes again by itself: rhea opens the connection and its links anew.
const rhea = require('rhea');
const net = require('net');
const [host, port] = process.argv.slice(-2);
const say = (...words) => console.log(...words);
const once = (emitter, event) => new Promise((done, fail) => {
  const timer = setTimeout(() => fail(new Error('no ' + event)), 20000);
  emitter.once(event, (context) => { clearTimeout(timer); done(context); });
});
const cut = () => new Promise((done) => {
  const order = net.connect(process.env.ORDERS, () => order.write(process.env.CUT + '\n'));
  order.on('data', () => {}).on('end', done).on('close', done);
});

(async () => {
  const container = rhea.create_container({ id: 'again' });
  const connection = container.connect({ host, port: +port, initial_reconnect_delay: 50 });
  await once(connection, 'connection_open');
  const to = connection.open_sender('again');
  await once(to, 'sendable');
  const from = connection.open_receiver({ source: 'again', credit_window: 1, autoaccept: false });
  const take = async () => {
    const { message, delivery } = await once(from, 'message');
    say(message.body, message.first_acquirer !== false, (message.delivery_count || 0) > 0);
    return delivery;
  };
  const send = async (body) => {
    const told = once(to, 'accepted');
    to.send({ body, durable: true });
    await told;
  };
  const back = async () => {
    const gone = once(connection, 'disconnected');
    const entered = once(connection, 'connection_open');
    const ready = once(to, 'sendable');
    await cut();
    say('gone', (await gone).reconnecting);
    await entered;
    await ready;
  };
  let came = take();
  await send('not accepted');
  await came;
  came = take();
  await back();
  // Settled when the other side has heard it, and it has when it answers what came behind.
  (await came).accept();
  came = take();
  await send('confirmed');
  await came;
  came = take();
  await back();
  (await came).accept();
  came = take();
  await send('the last');
  (await came).accept();
  const closed = once(connection, 'connection_close');
  connection.close();
  await closed;
})().catch((error) => { console.error(error); process.exit(1); });
