import { describe, expect, it } from 'vitest';
import { formatPasswordCsv, parseIdentityCsv } from './identity-csv.ts';
import { ROLES } from './policy.ts';

describe('a list of identities', () => {
  it('names an identity a line, with models where a predictor is limited', () => {
    const text =
      '\ufeffname,role,models\r\ndev-1,client,\r\nedge-1,predictor,"sonar, radar"\r\n\r\n';
    expect(parseIdentityCsv(text, ROLES)).toEqual([
      { name: 'dev-1', role: 'client' },
      { name: 'edge-1', role: 'predictor', models: ['sonar', 'radar'] },
    ]);
  });

  it('takes its columns in any order, and models left out', () => {
    expect(parseIdentityCsv('role,name\noperator, "ops-1" \n', ROLES)).toEqual([
      { name: 'ops-1', role: 'operator' },
    ]);
    expect(parseIdentityCsv('models,role,name\nsonar;radar,predictor,e1', ROLES)).toEqual([
      { name: 'e1', role: 'predictor', models: ['sonar', 'radar'] },
    ]);
  });

  it.each([
    ['', 'line 1'],
    ['dev-1,client', 'line 1'],
    ['name,name,role', 'line 1'],
    ['name\ndev-1', 'no column "role"'],
    ['name,role\n', 'names nobody'],
    ['name,role\na b,client', 'line 2: "a b" is no name'],
    ['name,role\n../a,client', 'line 2: "../a" is no name'],
    ['name,role\na,root', 'line 2: "root" is no role'],
    ['name,role\na,client,x', 'line 2: expected 2 columns, got 3'],
    ['name,role\na', 'line 2: expected 2 columns, got 1'],
    ['name,role\na,client\n\na,client', 'line 4: a again'],
    ['name,role,models\na,client,sonar', 'line 2: a client is not limited'],
    ['name,role,models\na,predictor,"sonar', 'line 2: a quote is missing'],
    ['name,role,models\na,predictor,"so/nar"', 'line 2: "so/nar" is no name of a model'],
  ])('is refused as a whole for %j', (text, complaint) => {
    expect(() => parseIdentityCsv(text, ROLES)).toThrow(complaint);
  });

  it('is told of its first five bad lines and of how many more there are', () => {
    const text = `name,role\n${'/,client\n'.repeat(8)}`;
    expect(() => parseIdentityCsv(text, ROLES)).toThrow(/line 2: .*line 6: [^;]*; and 3 more$/);
  });

  it('is answered by a list of passwords', () => {
    expect(formatPasswordCsv([{ name: 'a', password: 'p-_1' }])).toBe('name,password\na,p-_1\n');
  });
});
