// What mqtt.js sees, in both versions: QoS 0 to 2, what is retained, a session that goes on.
const mqtt = require('mqtt');
const [host, port] = process.argv.slice(-2);
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

async function main() {
  for (const protocolVersion of [4, 5]) {
    const options = { protocolVersion, reconnectPeriod: 0, clientId: 'js' + protocolVersion };
    const lasting = { ...options, clean: false, clientId: 'lasting' + protocolVersion, properties: { sessionExpiryInterval: 100 } };
    const client = await mqtt.connectAsync(`mqtt://${host}:${port}`, options);
    await client.subscribeAsync(`js${protocolVersion}/#`, { qos: 2 });
    for (const qos of [0, 1, 2]) {
      const arrives = once(client, 'message');
      await client.publishAsync(`js${protocolVersion}/x`, `body ${qos}`, { qos });
      const [topic, body, packet] = await arrives;
      console.log(topic, body.toString(), packet.qos);
    }
    await client.publishAsync(`kept${protocolVersion}`, 'kept', { retain: true, qos: 1 });
    const kept = once(client, 'message');
    await client.subscribeAsync(`kept${protocolVersion}`);
    console.log((await kept)[1].toString(), (await kept)[2].retain);
    const first = await mqtt.connectAsync(`mqtt://${host}:${port}`, lasting);
    await first.subscribeAsync(`away${protocolVersion}`, { qos: 1 });
    await first.endAsync();
    await client.publishAsync(`away${protocolVersion}`, 'while away', { qos: 1 });
    const again = mqtt.connect(`mqtt://${host}:${port}`, lasting);
    const waited = once(again, 'message');
    const [connack] = await once(again, 'connect');
    console.log(connack.sessionPresent, (await waited)[1].toString());
    await again.endAsync();
    await client.endAsync();
  }
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
