/**
 * What is known of a contact's phone numbers, and a button to have them checked again.
 *
 * Numbers, statuses and flags are read from HubSpot, with the rights of the person who looks. The
 * history comes from the worker, which gives no phone numbers.
 */
import { useCallback, useEffect, useState } from 'react';
import {
  Alert,
  Button,
  Divider,
  Flex,
  Heading,
  LoadingSpinner,
  StatusTag,
  Table,
  TableBody,
  TableCell,
  TableHead,
  TableHeader,
  TableRow,
  Text,
  hubspot,
} from '@hubspot/ui-extensions';
import type { CrmContext, ExtensionPointApiActions } from '@hubspot/ui-extensions';
import { useCrmProperties } from '@hubspot/ui-extensions/crm';
import { factsOf, flagsOf, historyOf, isSetUp, phonesOf } from './logic.ts';
import type { Answer } from './logic.ts';
import { ALL } from './properties.ts';

interface CardProps {
  context: CrmContext;
  actions: ExtensionPointApiActions<'crm.record.tab'>;
}

const TIMEOUT = 10_000; // milliseconds; HubSpot waits 15 seconds at most
const LOOK_AGAIN = 5_000; // while a re-check is under way
const LOOKS = 24; // two minutes
const SHORT = 5; // entries of the history that are shown at first

hubspot.extend<'crm.record.tab'>(({ context, actions }: CardProps) => (
  <PhoneHygieneCard context={context} actions={actions} />
));

function PhoneHygieneCard({ context, actions }: CardProps) {
  const { properties, isLoading, error, refetch } = useCrmProperties(ALL);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState('');
  const [isAsking, setIsAsking] = useState(false);
  const [looks, setLooks] = useState(0);
  const [isWhole, setIsWhole] = useState(false);

  const ask = useCallback(
    async (path: string) => {
      try {
        setAnswer(await call(context, path));
        setProblem('');
        return true;
      } catch (reason) {
        setProblem(reason instanceof Error ? reason.message : String(reason));
        return false;
      }
    },
    [context],
  );

  useEffect(() => {
    void ask('card');
  }, [ask]);

  const isWaiting = answer?.waiting ?? false;

  // A re-check takes seconds: look again until it is over, and show what it has written.
  useEffect(() => {
    if (!isWaiting || looks >= LOOKS) {
      return undefined;
    }
    const timer = setTimeout(() => {
      void ask('card').then(() => setLooks(looks + 1));
    }, LOOK_AGAIN);
    return () => clearTimeout(timer);
  }, [ask, isWaiting, looks]);

  useEffect(() => {
    if (!isWaiting && looks > 0) {
      setLooks(0);
      void refetch();
      actions.refreshObjectProperties();
    }
  }, [actions, isWaiting, looks, refetch]);

  const recheck = async () => {
    setIsAsking(true);
    const isTaken = await ask('card/recheck');
    setIsAsking(false);
    if (isTaken) {
      actions.addAlert({
        type: 'success',
        message: 'The numbers are checked again. This takes some seconds.',
      });
    }
  };

  if (isLoading) {
    return <LoadingSpinner label="Loading phone hygiene" showLabel={true} />;
  }
  if (error) {
    return (
      <Alert title="The properties could not be read" variant="danger">
        {error.message}
      </Alert>
    );
  }
  if (!isSetUp(properties)) {
    return (
      <Alert title="The properties of phone hygiene are missing" variant="warning">
        They are not there, or you may not see them. Ask your administrator: hygiene crm setup
        hubspot creates them.
      </Alert>
    );
  }

  const timezone = context.portal.timezone;
  const phones = phonesOf(properties);
  const flags = flagsOf(properties);
  const history = historyOf(answer?.history ?? [], properties, timezone);
  const isBusy = isAsking || (isWaiting && looks < LOOKS);

  return (
    <Flex direction="column" gap="md">
      {flags.length > 0 && (
        <Flex direction="row" gap="sm" wrap="wrap">
          {flags.map((flag) => (
            <StatusTag key={flag} variant="danger">
              {flag}
            </StatusTag>
          ))}
        </Flex>
      )}
      {phones.length === 0 ? (
        <Text>This contact has no phone number.</Text>
      ) : (
        <Table bordered={true} density="condensed">
          <TableHead>
            <TableRow>
              <TableHeader>Phone</TableHeader>
              <TableHeader>Number</TableHeader>
              <TableHeader>Status</TableHeader>
              <TableHeader>Line</TableHeader>
            </TableRow>
          </TableHead>
          <TableBody>
            {phones.map((phone) => (
              <TableRow key={phone.name}>
                <TableCell>{phone.label}</TableCell>
                <TableCell>{phone.number}</TableCell>
                <TableCell>
                  <StatusTag variant={phone.status.variant}>{phone.status.label}</StatusTag>
                </TableCell>
                <TableCell>{phone.line || '–'}</TableCell>
              </TableRow>
            ))}
          </TableBody>
        </Table>
      )}
      {factsOf(properties, timezone).map(([name, value]) => (
        <Text key={name}>
          <Text inline={true} format={{ fontWeight: 'demibold' }}>
            {name}:
          </Text>{' '}
          {value}
        </Text>
      ))}
      <Flex direction="row" gap="sm" align="center">
        <Button onClick={recheck} disabled={isBusy || phones.length === 0} variant="secondary">
          {isBusy ? 'Checking…' : 'Re-check now'}
        </Button>
        {isWaiting && looks >= LOOKS && (
          <Text variant="microcopy">It takes longer than usual. Reload the page in a while.</Text>
        )}
      </Flex>
      {problem && (
        <Alert title="Phone Hygiene does not answer" variant="warning">
          {problem}
        </Alert>
      )}
      {answer?.problem && (
        <Alert title="The last check could not be written" variant="warning">
          {answer.problem}
        </Alert>
      )}
      <Divider />
      <Heading>History</Heading>
      {history.length === 0 && <Text>{historyHint(answer, problem)}</Text>}
      {history.slice(0, isWhole ? undefined : SHORT).map((line) => (
        <Flex key={line.at + line.changes.join()} direction="column" gap="flush">
          <Text variant="microcopy">{line.at}</Text>
          {line.changes.map((change) => (
            <Text key={change}>{change}</Text>
          ))}
          {line.text && <Text variant="microcopy">{line.text}</Text>}
        </Flex>
      ))}
      {history.length > SHORT && !isWhole && (
        <Button variant="transparent" size="sm" onClick={() => setIsWhole(true)}>
          Show all {history.length}
        </Button>
      )}
    </Flex>
  );
}

function historyHint(answer: Answer | null, problem: string): string {
  if (problem) {
    return 'The history could not be read.';
  }
  return answer ? 'Nothing was changed yet.' : 'Loading…';
}

/** Ask the worker, through HubSpot, which signs the request. */
async function call(context: CrmContext, path: string): Promise<Answer> {
  const base = String(context.variables?.publicUrl ?? '').replace(/\/+$/, '');
  if (!base.startsWith('https://')) {
    throw new Error('Its address is not known. Upload the project with --profile.');
  }
  const { objectId, objectTypeId } = context.crm;
  const response = await hubspot.fetch(`${base}/webhooks/hubspot/${path}`, {
    method: 'POST',
    timeout: TIMEOUT,
    body: { objectId, objectTypeId },
  });
  if (!response.ok) {
    throw new Error(`It answered ${response.status}. Ask your administrator.`);
  }
  return (await response.json()) as Answer;
}
