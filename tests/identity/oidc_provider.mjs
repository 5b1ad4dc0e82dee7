// An OpenID provider by others (npm oidc-provider) for tests, on loopback. Takes one JSON argument:
// {port, clients: [...], accounts: {name: {claims}}}. Its own development pages ask for a name and any password.
import { Provider } from 'oidc-provider';

const { port, clients, accounts } = JSON.parse(process.argv[2]);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  cookies: { keys: ['for-tests-alone'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'groups'] },
  conformIdTokenClaims: false,
  findAccount: (_context, id) =>
    id in accounts ? { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) } : undefined,
});
provider.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'));
